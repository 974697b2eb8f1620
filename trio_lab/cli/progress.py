"""How a run of experiments goes on, on standard error.

On a terminal the last line changes all the time: phase, seconds left, the figure so far. Anywhere else every line stays, so
there is one for each round and none for each phase; and no line is wrapped, for a log is read by its lines.
"""

from __future__ import annotations

import time
from types import TracebackType

from rich.status import Status

from ..experiments.runner import Show
from .console import errors, say


class Progress(Show):
    """To be entered while a run goes on."""

    def __init__(self) -> None:
        self._status = Status("", console=errors) if errors.is_terminal else None
        self._ends = 0.0
        self._figure = ""

    def __enter__(self) -> Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, text: str) -> None:
        say(text)

    def begin(self, text: str, expected: float) -> None:
        self._ends, self._figure = time.monotonic() + expected, ""
        say(f"{text} (about {expected:.0f} s)")

    def phase(self, where: str, text: str) -> None:
        if self._status is not None:
            left = max(0.0, self._ends - time.monotonic())
            shown = f" | {self._figure}" if self._figure else ""
            self._status.update(f"{where}, {left:.0f} s left: {text}{shown}")

    def round(self, text: str) -> None:
        self._figure = text
        if self._status is None:
            say(f"      {text}")
