"""A Trio run with a watch in it, which is opened after the first poll and closed when the run ends."""

from __future__ import annotations

from collections.abc import Callable

import trio

from ..loop.trio_eyes import TrioEyes
from .loop_watch import LoopWatch
from .one_watchdog import OneWatchdog


class WatchedRun(trio.abc.Instrument):
    """Before the end of the first poll the run has no task, and a monitor must not begin within a poll."""

    def __init__(
        self,
        budget: float,
        one: OneWatchdog,
        opened: Callable[[LoopWatch], None],
        ended: Callable[[LoopWatch], None],
    ) -> None:
        self._budget, self._one, self._opened, self._ended = budget, one, opened, ended
        self._watch: LoopWatch | None = None

    def after_io_wait(self, timeout: float) -> None:
        if self._watch is None:
            trio.lowlevel.remove_instrument(self)
            self._watch = LoopWatch(TrioEyes(), budget=self._budget, one=self._one)
            self._opened(self._watch)
            self._watch.open()
            trio.lowlevel.add_instrument(_AtEnd(self._watch, self._ended))


class _AtEnd(trio.abc.Instrument):
    def __init__(self, watch: LoopWatch, ended: Callable[[LoopWatch], None]) -> None:
        self._watch, self._ended = watch, ended

    def after_run(self) -> None:
        self._watch.pause()
        self._ended(self._watch)
