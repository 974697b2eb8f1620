"""The watch over one loop of a test. While the loop runs it takes the one watchdog if that is free, else it has its own."""

from __future__ import annotations

from typing import Any

from ..attach.quiet_watch import QuietWatch
from ..loop.eyes import Eyes
from .one_watchdog import OneWatchdog


class _NoWatchdog:
    """In place of the watchdog while the loop does not run."""

    def stop(self) -> None:
        pass

    def set_budget(self, budget: float) -> None:
        pass


_NO_WATCHDOG: Any = _NoWatchdog()


class LoopWatch(QuietWatch):
    """A quiet watch that measures no steps."""

    def __init__(self, eyes: Eyes, *, budget: float, one: OneWatchdog) -> None:
        super().__init__(eyes, budget=budget, steps=False)
        self._one = one

    def _start_watchdog(self) -> None:
        if self._one.free:
            self._watchdog = self._one
            self._one.watch(self.eyes, self._budget)
        else:
            super()._start_watchdog()

    def pause(self) -> None:
        """The loop has stopped, and may run again."""
        self.passes.pause()
        if self._watchdog is self._one:
            self._one.stop()
            self._watchdog = _NO_WATCHDOG

    def go_on(self) -> None:
        """The loop runs again."""
        if self._watchdog is _NO_WATCHDOG:
            self._start_watchdog()
        self.passes.begin()

    def set_budget(self, budget: float) -> None:
        """Of the passes that end from now on."""
        self._budget = self._monitor.budget = budget
        self._watchdog.set_budget(budget)
