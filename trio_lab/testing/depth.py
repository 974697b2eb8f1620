"""Watches how many wait in a queue, as virtual time passes."""

from __future__ import annotations

from typing import Protocol

import trio
from trio.testing import wait_all_tasks_blocked

from ..preconditions import require_seconds


class HasWaiting(Protocol):
    """A bulkhead or a pool."""

    @property
    def waiting(self) -> int: ...


class Depth:
    """Looks at a queue once a ``period`` (seconds), each time when all that falls on that moment has happened. Start `watch` in
    a nursery."""

    def __init__(self, queue: HasWaiting, *, period: float = 0.1) -> None:
        require_seconds("period", period, low=0.0, high=86_400.0)
        self._queue = queue
        self._period = period
        self.seen: list[tuple[float, int]] = []
        """(time on Trio's clock, how many waited then)"""

    async def watch(self) -> None:
        """Runs until it is cancelled."""
        next_look = trio.current_time()
        while True:
            await wait_all_tasks_blocked()
            self.seen.append((trio.current_time(), self._queue.waiting))
            next_look += self._period
            await trio.sleep_until(next_look)

    @property
    def most(self) -> int:
        """The greatest depth that was seen."""
        return max((depth for _, depth in self.seen), default=0)

    def first(self, depth: int) -> float | None:
        """When at least so many waited for the first time; None if never."""
        return next((time for time, seen in self.seen if seen >= depth), None)
