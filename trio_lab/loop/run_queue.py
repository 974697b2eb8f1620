"""The run loop as a queue: it serves one pass at a time, and a task that becomes runnable meanwhile waits for the next."""

from __future__ import annotations

from ..records.queue import QueueStatistics, Undivided
from .loop_time import LoopTime


class RunQueue(Undivided):
    """The run queue of a measured loop, Trio's or asyncio's.

    How many tasks wait is not observed: a loop tells how many are ready next, if anything, not how many of this pass have
    yet to run. ``service`` is the busy time of a pass, which is what a wait is made of. ``utilization`` is over the loop's
    life.
    """

    def __init__(self, loop: LoopTime) -> None:
        self._loop = loop

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        loop = self._loop
        service, busy = loop.busy.summary(), loop.busy.total
        spent = busy + loop.waited
        return QueueStatistics(
            name="run_queue",
            capacity=1,
            utilization=busy / spent if spent > 0 else 0.0,
            completions=service.count,
            service=service,
            kinds=(),
        )
