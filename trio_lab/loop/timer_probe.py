"""A timer that notes how late it wakes: what Node's `monitorEventLoopDelay` does, kept for parity with it.

It sleeps for its resolution again and again and records the whole interval between two wakes, so an idle loop reads a
little over the resolution, as it does in Node. It has the flaw of every probe that samples: a block that begins and
ends between two wakes leaves no trace, and a long block counts once however many wakes it swallowed. The pass monitor
has neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from .loop_time import RESOLUTION, Intervals


class TimerProbe(Intervals):
    """The probe on Trio's clock."""

    async def run(self) -> None:
        last = trio.current_time()
        while True:
            await trio.sleep(RESOLUTION)
            now = trio.current_time()
            self.record(now - last)
            last = now


@asynccontextmanager
async def open_timer_probe() -> AsyncIterator[TimerProbe]:
    """A timer probe that runs for the length of the block."""
    probe = TimerProbe()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe.run)
        yield probe
        nursery.cancel_scope.cancel()
