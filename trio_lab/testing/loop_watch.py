"""The watch over one loop of a test. While the loop runs it takes the one watchdog if that is free, else it has its own."""

from __future__ import annotations

from typing import Any

from ..attach.quiet_watch import QuietWatch
from ..loop.eyes import Eyes
from .one_watchdog import OneWatchdog


class _NoWatchdog:
    """In place of a watchdog that watches another loop now."""

    def stop(self) -> None:
        pass


_NO_WATCHDOG: Any = _NoWatchdog()


class LoopWatch(QuietWatch):
    """A quiet watch that measures no steps."""

    _watchdog = _NO_WATCHDOG

    def __init__(self, eyes: Eyes, *, budget: float, one: OneWatchdog) -> None:
        super().__init__(eyes, budget=budget, steps=False)
        self._one = one

    def _start_watchdog(self) -> None:
        if self._one.free:
            self._watchdog = self._one
            self._one.watch(self.eyes, self._budget)
        else:
            super()._start_watchdog()

    def _lost(self) -> bool:
        """Whether the one watchdog has gone to another loop while this one did not run."""
        return self._watchdog is self._one and not self._one.watches(self.eyes)

    def pause(self) -> None:
        super().pause()
        if self._watchdog is self._one:
            self._one.rests = True

    def go_on(self) -> None:
        if self._lost():
            self._start_watchdog()
        elif self._watchdog is self._one:
            self._one.rests = False
        super().go_on()

    def close(self) -> None:
        if self._lost():
            self._watchdog = _NO_WATCHDOG
        super().close()

    def set_budget(self, budget: float) -> None:
        """Of the passes that end from now on."""
        self._budget = self._monitor.budget = budget
        if not self._lost():
            self._watchdog.set_budget(budget)
