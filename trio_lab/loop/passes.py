"""Every pass of Trio's run loop is measured. Nothing is sampled, so no pass is missed.

A pass is: poll, expire deadlines, run one step of each task that is runnable. While a pass is busy no other task runs, so
its busy time is the delay that it adds for all others. (A timer probe sees only the passes in which it was due.)
Utilization is the share of time that is not spent waiting for I/O; Node calls it event loop utilization. A poll that may not
wait, because a task is runnable, is part of the pass after it.

Cost: two hooks a pass, half a microsecond, because `trio_instruments` has them called quickly.

Trio removes an instrument that raises, and reports that only in a log. `PassMonitor.blind` asks Trio whether the monitor
is still installed, so that a removed monitor is not taken for a quiet loop.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from time import perf_counter

import trio

from ..blocks import block
from ..preconditions import require_loop
from .eyes import Passes
from .trio_instruments import QuickInstrument, is_guest

_MOMENT = 0.02  # seconds


class PassMonitor(Passes, QuickInstrument):
    """Busy time of each pass and time waited for I/O. Install it with `open_pass_monitor`."""

    hooks = ("before_io_wait", "after_io_wait")

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self._poll_began = -math.inf
        self._installed = False
        self._blind: str | None = None

    def install(self) -> None:
        """Begin to measure the current run.

        Raises:
            RuntimeError: this is no Trio run.
        """
        require_loop("the pass monitor", "Trio")
        self.put_in()
        self.hosted = is_guest()
        self._installed, self._blind = True, None
        self.begin()

    def remove(self) -> None:
        self.take_out()
        self._installed = False

    @property
    def blind(self) -> str | None:
        """None while every pass is seen, else why not.

        Trio is asked only if the last poll was more than a moment ago: a monitor that was called just now was installed
        just now, and if it was removed since, the next call finds out.
        """
        if self._installed and self._clock() - self._poll_began > _MOMENT and not self._is_there():
            self._blind = "Trio removed the pass monitor: it raised an exception, or other code removed it"
        return self._blind

    def _is_there(self) -> bool:
        """Trio offers no other way to find out than to remove it, which fails when it is gone. This is not cheap."""
        try:
            trio.lowlevel.remove_instrument(self)
        except KeyError:
            return False
        trio.lowlevel.add_instrument(self)
        return True


@block
async def open_pass_monitor() -> AsyncIterator[PassMonitor]:
    """Measure every pass of the current run for the length of the block."""
    monitor = PassMonitor()
    monitor.install()
    try:
        yield monitor
    finally:
        monitor.remove()
