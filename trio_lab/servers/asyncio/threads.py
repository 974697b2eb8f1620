"""The native pool on asyncio: a `ThreadPoolExecutor` behind a bulkhead.

An executor's own queue has no bound and no counts, so no job may wait there: the bulkhead admits only as many as may
run. So the pool can be resized, too: the executor may start far more threads than that, and starts one only when a job
comes and no thread is idle.

A thread cannot be stopped. Its place is held until its job has really ended, even if the caller has left before.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from time import perf_counter
from typing import TypeVar, TypeVarTuple, Unpack

from ...admission.bulkhead import BehindBulkhead
from ...admission.choice import Chosen
from ...admission.gate import SUCCESS, Place
from ...admission.limits.choice import ChosenLimit, make_limit
from ...admission.limits.limit import Outcome
from ...admission.on_asyncio import Bulkhead
from ...blocks import block
from ...errors import Closed, RunTimeout
from ...measure.ledger import LEDGER, Timed
from ...pools.functions import call
from ...pools.native import MOST_THREADS
from ...worker.priority import NICER

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_MAX_THREADS = 1024  # libuv's bound, and the config's


class NativePool(BehindBulkhead):
    """Runs blocking calls in threads. Open it with `open_native_pool`."""

    def __init__(self, bulkhead: Bulkhead, run_timeout: float | None) -> None:
        self._bulkhead = bulkhead
        self._run_timeout = run_timeout
        self._executor = ThreadPoolExecutor(_MAX_THREADS, "native pool", initializer=_be_nice)
        self._loop = asyncio.get_running_loop()
        self.abandoned = 0
        """Threads whose callers have left while they run. They count as busy."""

    @property
    def size(self) -> int:
        """Threads that may run jobs at once."""
        return self._bulkhead.capacity

    def resize(self, size: int) -> None:
        """Change the number of threads at once. Running jobs are not disturbed."""
        self._bulkhead.resize(size)

    async def run(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, kind: str) -> T:
        """Run ``fn(*args)`` in a thread and return what it returns. A caller that is cancelled leaves at once.

        Raises:
            QueueFull, QueueTimeout, Closed: see `Bulkhead.enter`; the job was not started.
            RunTimeout: the job ran too long. Its thread goes on, abandoned.
            JobError: the job raised SystemExit, KeyboardInterrupt, GeneratorExit or StopIteration.
            and whatever else the job raises.
        """
        place = await self._bulkhead.enter(kind=kind)
        held = _Call(self, place)
        ledger = LEDGER.get()
        work = call if ledger is None else Timed(call, ledger)
        try:
            job = self._executor.submit(work, fn, args)
        except RuntimeError:  # it was shut down in the pass in which the place was given
            self._bulkhead.leave(place)
            raise Closed(self._bulkhead.name) from None
        job.add_done_callback(held.on_thread_free)
        limit = asyncio.timeout(self._run_timeout)
        try:
            async with limit:
                return await asyncio.wrap_future(job)
        except TimeoutError:
            if not limit.expired():
                raise  # the job's own
            raise RunTimeout("the job ran too long; its thread cannot be stopped") from None
        finally:
            held.on_caller_gone(was_told=limit.expired())
            if isinstance(work, Timed):
                work.book()

    def close(self) -> None:
        """Refuse callers that wait. Running threads are not waited for here; the interpreter does, at its exit."""
        self._bulkhead.close()
        self._executor.shutdown(wait=False, cancel_futures=True)


class _Call:
    """One job. Its place is given back when the thread is free again, maybe long after the caller has left."""

    def __init__(self, pool: NativePool, place: Place) -> None:
        self._pool = pool
        self._place = place
        self._ended = self._abandoned = False
        self._outcome, self._done = SUCCESS, 0.0

    def on_thread_free(self, job: Future[T]) -> None:
        """Called in the thread, or in the loop when the job was cancelled before a thread took it."""
        self._done = perf_counter()
        if job.cancelled():
            self._outcome = Outcome.IGNORED
        elif isinstance(job.exception(), TimeoutError):
            self._outcome = Outcome.DROPPED
        with suppress(RuntimeError):  # the loop was closed meanwhile, and the pool with it
            self._pool._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._ended = True
        self._pool.abandoned -= self._abandoned
        self._pool._bulkhead.leave(self._place, self._outcome, loop_delay=perf_counter() - self._done)

    def on_caller_gone(self, *, was_told: bool) -> None:
        """The caller has its result, or abandons a thread: because it left, or ``was_told`` that the job runs too long."""
        if not self._ended:
            self._abandoned = True
            self._pool.abandoned += 1
            self._pool._bulkhead.caller_left(self._place, was_told=was_told)


def _be_nice() -> None:
    """These threads belong to this pool alone, so each keeps its nicer priority for good: see `worker.priority`."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(os.getpriority(os.PRIO_PROCESS, 0) + NICER, 19))


@block
async def open_native_pool(
    *,
    size: int,
    max_queue: int | None,
    queue_timeout: float | None,
    run_timeout: float | None,
    discipline: Chosen[Place] = None,
    limit: ChosenLimit = None,
) -> AsyncIterator[NativePool]:
    """A pool of ``size`` threads for the length of the block; None is no bound."""
    bulkhead = Bulkhead(
        "native_pool",
        capacity=size,
        max_waiting=max_queue,
        queue_timeout=queue_timeout,
        discipline=discipline,
        limit=make_limit(limit, size, MOST_THREADS),
    )
    pool = NativePool(bulkhead, run_timeout)
    try:
        yield pool
    finally:
        pool.close()
