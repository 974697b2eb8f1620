"""Trio's default thread limiter, a queue that no program makes and many use: file I/O, name look-ups, process starts.

How many tasks wait is known, for how long is not: Trio measures no waits. So a probe asks for a place now and then, and
gives it back at once. Its waits are those of any caller that comes at that moment, for places are given in the order of
asking.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NoReturn

import trio

from ..blocks import block
from ..measure.histogram import Histogram
from ..records.health import ThreadCounts
from ..records.queue import QueueStatistics, Undivided

_PERIOD = 0.25  # seconds between two questions of the probe


class DefaultLimiter(Undivided):
    """The default thread limiter of the current run; there is no bound. ``wait`` is that of the probe, not observed
    without one."""

    def __init__(self) -> None:
        self._waits: Histogram | None = None

    async def probe(self) -> NoReturn:
        """Ask for a place again and again."""
        waits = self._waits = Histogram()
        limiter = trio.to_thread.current_default_thread_limiter()
        while True:
            await trio.sleep(_PERIOD)
            asked = trio.current_time()
            async with limiter:
                waits.record(trio.current_time() - asked)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        limiter = trio.to_thread.current_default_thread_limiter().statistics()
        capacity = limiter.total_tokens if isinstance(limiter.total_tokens, int) else None
        return QueueStatistics(
            name="default_limiter",
            capacity=capacity,
            in_service=limiter.borrowed_tokens,
            waiting=limiter.tasks_waiting,
            wait=None if self._waits is None else self._waits.summary(),
            kinds=(),
        )

    def threads(self) -> ThreadCounts:
        """The same as counts of threads."""
        found = self.statistics()
        return ThreadCounts(
            threads=found.capacity or 0, busy=found.in_service or 0, abandoned=0, queued=found.waiting or 0
        )


@block
async def open_default_limiter() -> AsyncIterator[DefaultLimiter]:
    """The default limiter with its probe, for the length of the block."""
    limiter = DefaultLimiter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(limiter.probe)
        yield limiter
        nursery.cancel_scope.cancel()
