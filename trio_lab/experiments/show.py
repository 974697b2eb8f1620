"""What a run tells of its progress; subclasses show it."""

from __future__ import annotations


class Show:
    """Follows a run. The terminal shows it (`cli.progress`); this one shows nothing."""

    def say(self, text: str) -> None:
        """A line about something that is finished."""

    def begin(self, text: str, expected: float) -> None:
        """An experiment of about so many seconds."""

    def phase(self, where: str, text: str) -> None:
        """What is measured now, ``where`` in the experiment. The text is empty where only the round is known."""

    def round(self, text: str, left: float) -> None:
        """The figures after one more round, and about how many seconds the experiment goes on."""
