"""What a run says of its progress, told to its live page as well."""

from __future__ import annotations

from ..stage.live_run import LiveRun
from .show import Show


class SeenLive(Show):
    """Passes everything on to another one."""

    def __init__(self, show: Show, live: LiveRun) -> None:
        self._show, self._live = show, live

    def say(self, text: str) -> None:
        self._show.say(text)

    def begin(self, text: str, expected: float) -> None:
        self._live.begin(text)
        self._show.begin(text, expected)

    def phase(self, where: str, text: str) -> None:
        self._live.phase(where, text)
        self._show.phase(where, text)

    def round(self, text: str, left: float) -> None:
        self._show.round(text, left)
