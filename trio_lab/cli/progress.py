"""How a run of experiments goes on, on standard error.

On a terminal the last line changes all the time: round, seconds left, the figure so far, phase. Anywhere else every line
stays, so there is one for each round and none for each phase; and no line is wrapped, for a log is read by its lines.
"""

from __future__ import annotations

import time

from rich.text import Text

from ..experiments.show import Show
from .console import say
from .status import StatusLine


class Progress(StatusLine, Show):
    """To be entered while a run goes on."""

    def __init__(self) -> None:
        super().__init__(self)
        self._ends = 0.0
        self._where = self._phase = self._figure = ""

    def __rich__(self) -> Text:
        """The last line. The status draws it several times a second, so the seconds count down."""
        left = self._ends - time.monotonic()
        seconds = f"{left:.0f} s left" if self._where and left > 0 else ""
        parts = (self._where, seconds, self._figure, self._phase)
        return Text(" | ".join(filter(None, parts)), no_wrap=True, overflow="ellipsis")

    def say(self, text: str) -> None:
        self._where = self._phase = self._figure = ""
        say(text)

    def begin(self, text: str, expected: float) -> None:
        self._ends = time.monotonic() + expected
        self.say(f"{text} (about {expected:.0f} s)")

    def phase(self, where: str, text: str) -> None:
        self._where, self._phase = where, text

    def round(self, text: str, left: float) -> None:
        self._ends, self._figure = time.monotonic() + left, text
        if self._status is None:
            say(f"      {text}")
