"""The queues of a lab by name, in the order in which a request meets them.

A queue is registered once, where it is opened. Whatever reads queues (`/health`, the first-full finder, the report)
reads them from here, so a new one appears everywhere without another change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..records.queue import Queue, QueueStatistics, with_kinds


class Queues(Mapping[str, Queue]):
    """An ordered registry. The name of a queue is the one in its own statistics.

    Raises:
        ValueError: two queues have the same name.
    """

    def __init__(self, *queues: Queue) -> None:
        self._queues: dict[str, Queue] = {}
        for queue in queues:
            self.register(queue)

    def register(self, queue: Queue) -> None:
        """Add a queue that was opened later, behind the others.

        Raises:
            ValueError: another queue has its name.
        """
        name = queue.statistics().name
        self.require_free(name)
        self._queues[name] = queue

    def require_free(self, name: str) -> None:
        """For a queue that may be registered later, so that it is told now whether it can be.

        Raises:
            ValueError: another queue has its name.
        """
        if name in self._queues:
            raise ValueError(f"two queues are called {name!r}; every queue needs a name of its own")

    def __getitem__(self, name: str) -> Queue:
        return self._queues[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._queues)

    def __len__(self) -> int:
        return len(self._queues)

    def statistics(self) -> tuple[QueueStatistics, ...]:
        """The record of every queue, with those of its kinds of jobs."""
        return tuple(map(with_kinds, self._queues.values()))
