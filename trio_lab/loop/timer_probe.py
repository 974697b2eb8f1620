"""A timer that measures how late it wakes, as Node's `monitorEventLoopDelay` does; kept so that figures compare with it.

It sleeps for its resolution in a loop and records the whole interval between two wakes, so on an idle loop it reads a
little over the resolution, as in Node. It has the flaws of every probe that samples: a block that begins and ends between
two wakes leaves no trace, and a long block counts once, however many wakes it delayed. The pass monitor has neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio

from ..blocks import block
from .loop_time import Intervals


@block
async def open_timer_probe() -> AsyncIterator[Intervals]:
    """A timer probe that runs for the length of the block."""
    intervals = Intervals()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(intervals.probe, trio.sleep, trio.current_time)
        yield intervals
        nursery.cancel_scope.cancel()
