"""The native pool on asyncio: a `ThreadPoolExecutor` behind a bulkhead of the same capacity.

An executor's own queue has no bound and counts nothing, so nothing ever waits there: the bulkhead lets in as many jobs
as there may be threads. That is also what makes the pool's size a number that can change: the executor could start more
threads, and starts one only when a job comes and no thread is idle.

A thread cannot be stopped. Its place is held until it has really ended, whatever became of the caller.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar, TypeVarTuple, Unpack

from ...admission.gate import Place
from ...admission.on_asyncio import Bulkhead
from ...errors import RunTimeout
from ...records.queue import QueueStatistics
from ...worker.priority import NICER

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_MOST = 1024  # threads, libuv's bound and the config's


class NativePool:
    """Runs blocking calls in threads. Open it with `open_native_pool`."""

    def __init__(self, bulkhead: Bulkhead, run_timeout: float | None) -> None:
        self._bulkhead = bulkhead
        self._run_timeout = run_timeout
        self._executor = ThreadPoolExecutor(_MOST, "native pool", initializer=_be_nice)
        self._loop = asyncio.get_running_loop()
        self.abandoned = 0
        """Threads that still run though their callers have left. They are among the busy ones."""

    @property
    def size(self) -> int:
        """Threads that may run jobs at once."""
        return self._bulkhead.capacity

    @property
    def busy(self) -> int:
        """Jobs that are being run."""
        return self._bulkhead.in_service

    @property
    def waiting(self) -> int:
        """Callers that wait for a place."""
        return self._bulkhead.waiting

    def resize(self, size: int) -> None:
        """Change the number of threads at once. Running jobs are not disturbed."""
        self._bulkhead.resize(size)

    async def run(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, kind: str) -> T:
        """Run ``fn(*args)`` in a thread and return what it returns. A caller that is cancelled leaves at once.

        Raises:
            QueueFull, QueueTimeout, Closed: see `Bulkhead.enter`; the job was not started.
            RunTimeout: it ran too long, and nobody waits for it any more.
            and whatever the job raises.
        """
        place = await self._bulkhead.enter(kind=kind)
        call = _Call(self, place)
        job = self._executor.submit(fn, *args)
        job.add_done_callback(call.on_thread_free)
        try:
            async with asyncio.timeout(self._run_timeout) as limit:
                return await asyncio.wrap_future(job)
        except TimeoutError:
            if not limit.expired():
                raise  # the job's own
            raise RunTimeout("the job ran too long; its thread cannot be stopped") from None
        finally:
            call.on_caller_gone()

    def kinds(self) -> list[str]:
        """The kinds of jobs that ever came."""
        return self._bulkhead.kinds()

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        """The pool as a queue; with a ``kind``, the counts and histograms of that kind of job."""
        return self._bulkhead.statistics(kind)

    def close(self) -> None:
        """Refuse who waits. Threads that run are waited for by nobody here; the interpreter would, at its exit."""
        self._bulkhead.close()
        self._executor.shutdown(wait=False, cancel_futures=True)


class _Call:
    """One job: the place ends with the thread's work, which may outlive the caller."""

    def __init__(self, pool: NativePool, place: Place) -> None:
        self._pool = pool
        self._place = place
        self._ended = self._abandoned = False

    def on_thread_free(self, _: Future[T]) -> None:
        """Called in the thread, or in the loop when the job was cancelled before a thread took it."""
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody counts any more
            self._pool._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._ended = True
        self._pool.abandoned -= self._abandoned
        self._pool._bulkhead.leave(self._place)

    def on_caller_gone(self) -> None:
        """The caller has its result, or leaves a thread behind."""
        if not self._ended:
            self._abandoned = True
            self._pool.abandoned += 1


def _be_nice() -> None:
    """Threads of this pool alone, so they keep the priority that lets the loop in first: see `pools.priority`."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(os.getpriority(os.PRIO_PROCESS, 0) + NICER, 19))


@asynccontextmanager
async def open_native_pool(
    *, size: int, max_queue: int | None, queue_timeout: float | None, run_timeout: float | None
) -> AsyncIterator[NativePool]:
    """A pool of ``size`` threads for the length of the block; None is no bound."""
    bulkhead = Bulkhead("native_pool", capacity=size, max_waiting=max_queue, queue_timeout=queue_timeout)
    pool = NativePool(bulkhead, run_timeout)
    try:
        yield pool
    finally:
        pool.close()
