"""A Trio run with a watch in it, which is opened after the first poll and closed when the run ends."""

from __future__ import annotations

from collections.abc import Callable

import trio

from ..attach.quiet_watch import QuietWatch
from ..loop.trio_eyes import TrioEyes


class WatchedRun(trio.abc.Instrument):
    """Before the end of the first poll the run has no task, and a monitor must not begin within a poll."""

    def __init__(
        self, budget: float, opened: Callable[[QuietWatch], None], ended: Callable[[QuietWatch], None]
    ) -> None:
        self._budget, self._opened, self._ended = budget, opened, ended
        self._watch: QuietWatch | None = None

    def after_io_wait(self, timeout: float) -> None:
        if self._watch is None:
            trio.lowlevel.remove_instrument(self)
            self._watch = QuietWatch(TrioEyes(), budget=self._budget, steps=False)
            self._opened(self._watch)
            self._watch.open()
            trio.lowlevel.add_instrument(_AtEnd(self._watch, self._ended))


class _AtEnd(trio.abc.Instrument):
    def __init__(self, watch: QuietWatch, ended: Callable[[QuietWatch], None]) -> None:
        self._watch, self._ended = watch, ended

    def after_run(self) -> None:
        self._watch.passes.pause()
        self._ended(self._watch)
