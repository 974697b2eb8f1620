"""Every pass of Trio's run loop, measured: nothing between two samples is missed, because nothing is sampled.

A pass is poll → expire deadlines → one step of each task that is runnable now. The loop serves nobody else while a pass
is busy, so the busy time of a pass is exactly the delay it adds for everybody: a timer probe sees only those passes in
which it happened to be due. Utilization is the share of time not spent waiting for I/O (Node calls it event loop
utilization).

Cost: two hooks a pass, about two microseconds, half of them Trio's own way to call an instrument.

Trio removes an instrument that raises, and says so only in a log. `PassMonitor.blind` asks Trio each time whether the
monitor is still installed, so a silent monitor is never mistaken for a quiet loop.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import perf_counter

import trio

from .loop_time import LoopTime

_MOMENT = 0.02  # seconds


class PassMonitor(LoopTime, trio.abc.Instrument):
    """Busy time of each pass and time waited for I/O. Install it with `open_pass_monitor`."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self._poll_began = -math.inf
        self._installed = False
        self._blind: str | None = None

    def install(self) -> None:
        """Begin to measure the current run. Call it in the run that is to be measured."""
        trio.lowlevel.add_instrument(self)
        self._installed = True
        self.begin()

    def install_again(self) -> None:
        """After it was found blind: what was measured stays, and what happened meanwhile is missing."""
        if self.blind is not None:
            self._blind = None
            self.install()

    def remove(self) -> None:
        if self._is_there():
            trio.lowlevel.remove_instrument(self)
        self._installed = False

    @property
    def blind(self) -> str | None:
        """None while every pass is seen, else why not.

        A monitor that was told of a poll a moment ago is there, or was then, and will be missed at the next look. Else
        Trio is asked.
        """
        if self._installed and self._clock() - self._poll_began > _MOMENT and not self._is_there():
            self._blind = "Trio removed the pass monitor: it raised an exception, or somebody took it out"
        return self._blind

    def _is_there(self) -> bool:
        """The only way to know is to take it out, which fails when it is gone; and it is not cheap."""
        if not self._installed or self._blind is not None:
            return False
        try:
            trio.lowlevel.remove_instrument(self)
        except KeyError:
            return False
        trio.lowlevel.add_instrument(self)
        return True


@asynccontextmanager
async def open_pass_monitor() -> AsyncIterator[PassMonitor]:
    """Measure every pass of the current run for the length of the block."""
    monitor = PassMonitor()
    monitor.install()
    try:
        yield monitor
    finally:
        monitor.remove()
