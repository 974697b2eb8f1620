"""Every pass of an asyncio loop, measured as `passes` measures Trio's: exactly, between two polls.

asyncio has no instruments. But its selector loop calls the selector's ``select`` once between two passes, and an attribute
of an object hides a method of its class, so the poll of this one selector is timed there. Callbacks that schedule each
other with `call_soon` run in separate passes, as in asyncio itself.

The selector is found under a private name. A loop without one (uvloop) leaves the monitor blind, and `blind` says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from time import perf_counter
from typing import Any

from ..blocks import block
from .loop_time import Intervals, LoopTime


class AsyncioPassMonitor(LoopTime):
    """Busy time of each pass and time waited for I/O. Open one with `open_asyncio_pass_monitor`."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self._selector: Any = None

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to measure this loop. Call it in the loop's thread."""
        self._selector = getattr(loop, "_selector", None)
        if self._selector is None:
            return
        select, before, after = self._selector.select, self.before_io_wait, self.after_io_wait

        def timed_select(timeout: float | None = None) -> Any:
            before(0.0)
            try:
                return select(timeout)
            finally:
                after(0.0)

        self._timed_select = timed_select
        self._selector.select = timed_select
        self.begin()

    def remove(self) -> None:
        if self.blind is None:
            del self._selector.select  # the class's method is no longer hidden

    @property
    def blind(self) -> str | None:
        """None while every pass is seen, else why not."""
        if self._selector is None:
            return "this event loop has no selector whose polls could be timed"
        if vars(self._selector).get("select") is not self._timed_select:
            return "other code removed the pass monitor from the loop's selector"
        return None


@block
async def open_asyncio_pass_monitor() -> AsyncIterator[AsyncioPassMonitor]:
    """Measure every pass of the running loop for the length of the block."""
    monitor = AsyncioPassMonitor()
    monitor.install(asyncio.get_running_loop())
    try:
        yield monitor
    finally:
        monitor.remove()


@block
async def open_asyncio_timer_probe() -> AsyncIterator[Intervals]:
    """A timer probe as in `timer_probe`, on asyncio's clock, for the length of the block."""
    intervals = Intervals()
    task = asyncio.create_task(intervals.probe(asyncio.sleep, asyncio.get_running_loop().time), name="timer probe")
    try:
        yield intervals
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
