"""The shared native pool: `trio.to_thread` under one `CapacityLimiter`, behind a bulkhead.

The limiter is the pool. The bulkhead in front of it has the same capacity, so no caller ever waits at the limiter, where
a wait can neither be bounded nor seen. A thread cannot be stopped: whatever becomes of the caller, the place is held as
long as the thread is really busy. A caller that is cancelled waits for its job to end, unless it asked to leave at once;
its thread is then *abandoned*, and counted apart, because its result will never be used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from time import perf_counter
from typing import TypeVar, TypeVarTuple, Unpack

import trio
from outcome import Error, Outcome, capture

from ..admission.bulkhead import BaseBulkhead, BehindBulkhead
from ..admission.choice import Chosen
from ..admission.gate import SUCCESS, Place
from ..admission.limits.choice import ChosenLimit, make_limit
from ..admission.limits.limit import Outcome as LoadOutcome
from ..admission.on_trio import Bulkhead
from ..blocks import block
from ..measure.ledger import LEDGER, Timed
from ..preconditions import require_count, require_loop
from ..worker.priority import run_nicely
from .functions import call, check_function, check_result

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MOST_THREADS = 256
"""An adaptive pool has no more: of calls that only wait, more threads always do more."""


class NativePool(BehindBulkhead):
    """Runs blocking calls in threads. Open it with `open_native_pool`."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self._bulkhead = bulkhead
        self._limiter = trio.CapacityLimiter(bulkhead.capacity if bulkhead.limit is None else bulkhead.limit.highest)
        self._abandoned = 0

    def __repr__(self) -> str:
        b = self._bulkhead
        abandoned = f", {self._abandoned} abandoned" if self._abandoned else ""
        return f"<NativePool {b.in_service}/{b.capacity} busy{abandoned}, {b.waiting} queued>"

    @property
    def size(self) -> int:
        """Threads that may run jobs at once."""
        return self._bulkhead.capacity

    @property
    def abandoned(self) -> int:
        """Threads whose callers have left while they run. They count as busy."""
        return self._abandoned

    def resize(self, size: int) -> None:
        """Change the number of threads at once, while jobs run and wait. Running jobs are not disturbed.

        Raises:
            ValueError: the number is adaptive.
        """
        require_count("size", size, low=1)
        self._bulkhead.resize(size)
        self._limiter.total_tokens = size

    async def run(
        self,
        fn: Callable[[Unpack[Ts]], T],
        *args: *Ts,
        queue_timeout: float | None = None,
        kind: str | None = None,
        priority: int = 0,
        abandon_on_cancel: bool = False,
    ) -> T:
        """Run ``fn(*args)`` in a thread and return what it returns.

        ``kind`` names the job in statistics (default: the function's name), and disciplines may go by it and by
        ``priority`` (higher first). A caller that is cancelled while its job runs waits for the job's end; with
        ``abandon_on_cancel`` it leaves at once, and what the job returns or raises is lost.

        Raises:
            QueueFull, QueueTimeout, Shed: see `Bulkhead.enter`; the job was not started.
            trio.ClosedResourceError: the pool was closed before the job was started.
            TypeError: ``fn`` is no plain function (async, a generator, or called already), or returned a coroutine.
            JobError: the job raised SystemExit, KeyboardInterrupt, GeneratorExit or StopIteration.
            and whatever else the job raises.
        """
        check_function(fn, "NativePool.run")
        if kind is None:
            kind = getattr(fn, "__name__", "") or type(fn).__name__
        place = await self._bulkhead.enter(queue_timeout=queue_timeout, kind=kind, priority=priority)
        thread = _Thread(self, self._bulkhead, self._limiter, place)
        ledger = LEDGER.get()
        work = _run if ledger is None else Timed(_run, ledger)
        try:
            end: Outcome[T] = await trio.to_thread.run_sync(
                work if self._bulkhead.limit is None else thread.watched(work),
                fn,
                args,
                abandon_on_cancel=abandon_on_cancel,
                limiter=thread,  # type: ignore[arg-type]  # Trio takes any object with these two methods
            )
        finally:
            thread.on_caller_gone()
            if isinstance(work, Timed):
                work.book()
        return end.unwrap()

    def _count_abandoned(self, change: int) -> None:
        self._abandoned += change


def _run(fn: Callable[[Unpack[Ts]], T], args: tuple[*Ts]) -> Outcome[T]:
    """What the thread does. The job's exception is returned and not raised: `trio.to_thread` sets attributes of exceptions,
    and an exception that forbids this would be replaced by the error about it."""
    return capture(_checked, fn, args)


def _checked(fn: Callable[[Unpack[Ts]], T], args: tuple[*Ts]) -> T:
    result: T = run_nicely(call, (fn, args))
    check_result(result, fn, "NativePool.run")
    return result


class _Thread:
    """The limiter as one call sees it. Trio releases it when the job has really ended; so the place is given back then."""

    def __init__(self, pool: NativePool, bulkhead: BaseBulkhead, limiter: trio.CapacityLimiter, place: Place) -> None:
        self._pool = pool
        self._bulkhead = bulkhead
        self._limiter = limiter
        self._place = place
        self._runs = False
        self._ended = False
        self._abandoned = False
        self._outcome = SUCCESS
        self._done: float | None = None  # when the work was, if that is watched

    def watched(self, work: Callable[..., Outcome[T]]) -> Callable[..., Outcome[T]]:
        """The same work. It also tells an adaptive limit how it ended, and how late the loop was to notice."""

        def run(fn: Callable[[Unpack[Ts]], T], args: tuple[*Ts]) -> Outcome[T]:
            end = work(fn, args)
            if isinstance(end, Error) and isinstance(end.error, TimeoutError):
                self._outcome = LoadOutcome.DROPPED
            self._done = perf_counter()
            return end

        return run

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        await self._limiter.acquire_on_behalf_of(borrower)
        self._runs = True

    def release_on_behalf_of(self, borrower: object) -> None:
        self._limiter.release_on_behalf_of(borrower)
        self._end()
        if self._abandoned:
            self._pool._count_abandoned(-1)

    def on_caller_gone(self) -> None:
        """The caller has its result, was cancelled before it had a thread, or abandons one."""
        if self._ended:
            return
        if self._runs:
            self._bulkhead.caller_left(self._place)
            self._abandoned = True
            self._pool._count_abandoned(+1)
        else:
            self._bulkhead.give_up(self._place)

    def _end(self) -> None:
        self._ended = True
        loop_delay = 0.0 if self._done is None else perf_counter() - self._done
        self._bulkhead.leave(self._place, self._outcome, loop_delay=loop_delay)


@block
async def open_native_pool(
    *,
    size: int = 4,
    max_queue: int | None = 200,
    queue_timeout: float | None = None,
    discipline: Chosen[Place] = None,
    limit: ChosenLimit = None,
    name: str = "native_pool",
) -> AsyncIterator[NativePool]:
    """A pool of ``size`` threads for the length of the block.

    ``max_queue`` callers may wait, each for ``queue_timeout`` seconds; None is no bound. ``discipline`` is the order in
    which they are served, a name or an object; by default it learns how long callers wait (`ByPatience`). With the
    ``limit`` "adaptive" the number of threads begins with ``size`` and follows what the jobs can use, up to 256; a job that
    raises `TimeoutError` counts as one that failed under load.

    At the end of the block callers that still wait get `trio.ClosedResourceError`. Callers wait for their running jobs;
    abandoned threads end when their jobs do, maybe after the block.
    """
    require_loop("open_native_pool", "Trio")
    require_count("size", size, low=1)
    if max_queue is not None:
        require_count("max_queue", max_queue, low=0)
    bulkhead = Bulkhead(
        name,
        capacity=size,
        max_waiting=max_queue,
        queue_timeout=queue_timeout,
        discipline=discipline,
        limit=make_limit(limit, size, MOST_THREADS),
    )
    try:
        yield NativePool(bulkhead)
    finally:
        bulkhead.close()
