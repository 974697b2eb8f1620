"""The shared native pool: `trio.to_thread` under one `CapacityLimiter`, behind a bulkhead.

The limiter is the pool; the bulkhead in front of it has the same capacity, so nobody ever waits at the limiter, where a
wait can neither be bounded nor seen. A thread cannot be stopped: a caller that is cancelled while its job runs waits for
the job to end, and its place is held as long as its thread is really busy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from ..admission.bulkhead import Bulkhead
from ..measure.queues import QueueStatistics
from .priority import run_nicely

T = TypeVar("T")


class NativePool:
    """Runs blocking calls in threads. Open it with `open_native_pool`."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self._limiter = trio.CapacityLimiter(bulkhead.capacity)

    def __repr__(self) -> str:
        b = self._bulkhead
        return f"<NativePool {b.in_service}/{b.capacity} busy, {b.waiting} queued>"

    @property
    def size(self) -> int:
        """Threads that may run jobs at once."""
        return self._bulkhead.capacity

    def resize(self, size: int) -> None:
        """Change the number of threads at once, while jobs run and wait. Running jobs are not disturbed."""
        if size < 1:
            raise ValueError("size must be at least 1")
        self._limiter.total_tokens = size
        self._bulkhead.resize(size)

    async def run(self, fn: Callable[..., T], *args: object, queue_timeout: float | None = None) -> T:
        """Run ``fn(*args)`` in a thread and return what it returns.

        Raises:
            QueueFull, QueueTimeout: see `Bulkhead.enter`; the job was not started.
            and whatever the job raises.
        """
        async with self._bulkhead.place(queue_timeout=queue_timeout):
            return await trio.to_thread.run_sync(run_nicely, fn, args, limiter=self._limiter)

    def statistics(self) -> QueueStatistics:
        return self._bulkhead.statistics()


@asynccontextmanager
async def open_native_pool(
    *,
    size: int = 4,
    max_queue: int | None = 200,
    queue_timeout: float | None = None,
    name: str = "native_pool",
) -> AsyncIterator[NativePool]:
    """A pool of ``size`` threads for the length of the block; ``max_queue`` callers may wait, None for no bound.

    At the end callers that still wait get `trio.ClosedResourceError`; running jobs are waited for by their callers.
    """
    bulkhead = Bulkhead(name, capacity=size, max_waiting=max_queue, queue_timeout=queue_timeout)
    try:
        yield NativePool(bulkhead)
    finally:
        bulkhead.close()
