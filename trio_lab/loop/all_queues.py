"""Every queue of one program that can be seen without its help, in the order in which a request meets them."""

from __future__ import annotations

from ..measure.announced import announced
from ..records.queue import QueueStatistics, named_apart, with_kinds
from .executors import Executors
from .eyes import Eyes
from .run_queue import RunQueue


class AllQueues:
    """The run queue of one loop, the threads that all of its code shares, what trio_lab's pools announce, and executors."""

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes
        self._run_queue = RunQueue(eyes.passes)
        self._executors = Executors()

    def statistics(self) -> tuple[QueueStatistics, ...]:
        """Call it in the loop."""
        shared, default = self._eyes.shared_threads()
        queues = [self._run_queue, *shared, *announced(), *self._executors.queues(besides=default)]
        return named_apart(map(with_kinds, queues))
