"""Every pass of an asyncio loop, measured as `passes` measures Trio's: exactly, between two polls.

asyncio has no instruments. But its selector loop calls the selector's ``select`` once between two passes, and an attribute
of an object hides a method of its class, so the poll of this one selector is timed there. Callbacks that schedule each
other with `call_soon` run in separate passes, as in asyncio itself.

The selector is found under a private name. A loop without one leaves the monitor blind, and `blind` says so; uvloop is
measured in another way (`uvloop_passes`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from time import perf_counter
from typing import Any

from ..blocks import block
from .eyes import Passes
from .loop_time import Intervals
from .shadow import Shadow
from .uvloop_passes import UvloopPassMonitor, is_uvloop


class _Polls:
    """The polls of one selector, timed for any number of monitors, which come and go in any order."""

    def __init__(self, selector: Any) -> None:
        self._selector = selector
        self._select = Shadow(selector, "select")
        self.monitors: list[AsyncioPassMonitor] = []

    @staticmethod
    def of(selector: Any) -> _Polls:
        """Those that are timed already, or new ones. A wrapper of other code may have our attribute, as well."""
        found = getattr(vars(selector).get("select"), "polls", None)
        return found if isinstance(found, _Polls) and found.timed else _Polls(selector)

    @property
    def timed(self) -> bool:
        return self._select.there

    def add(self, monitor: AsyncioPassMonitor) -> None:
        self.monitors.append(monitor)
        self._shadow()

    def discard(self, monitor: AsyncioPassMonitor) -> None:
        with suppress(ValueError):
            self.monitors.remove(monitor)
            if self.timed:
                self._shadow()

    def _shadow(self) -> None:
        if not self.monitors:
            self._select.take_away()
            return
        timed = self._select.hidden
        for monitor in self.monitors:
            timed = monitor.timing(timed)
        timed.polls = self
        self._select.put(timed)


class AsyncioPassMonitor(Passes):
    """Busy time of each pass of ``loop``, and time waited for I/O. Open one with `open_asyncio_pass_monitor`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self._selector: Any = getattr(loop, "_selector", None)
        self._polls: _Polls | None = None

    def install(self) -> None:
        if self._selector is not None:
            self._polls = _Polls.of(self._selector)
            self._polls.add(self)
            self.begin()

    def remove(self) -> None:
        if self._polls is not None:
            self._polls.discard(self)
            self._polls = None
            self.stop_timing()

    @property
    def blind(self) -> str | None:
        """None while every pass is seen, else why not."""
        if self._selector is None:
            return "this event loop has no selector whose polls could be timed"
        if self._polls is None or not self._polls.timed:
            return "other code removed the pass monitor from the loop's selector"
        return None


def passes_of(loop: asyncio.AbstractEventLoop) -> AsyncioPassMonitor | UvloopPassMonitor:
    """The monitor for this kind of loop, not yet installed."""
    return UvloopPassMonitor(loop) if is_uvloop(loop) else AsyncioPassMonitor(loop)


@block
async def open_asyncio_pass_monitor() -> AsyncIterator[Passes]:
    """Measure every pass of the running loop for the length of the block."""
    monitor = passes_of(asyncio.get_running_loop())
    monitor.install()
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
        await asyncio.wait((task,))  # not for its result: a cancellation of this task meanwhile would look the same
