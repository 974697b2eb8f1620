"""The worker pool: jobs in processes of our own.

This is the pool's face and its housekeeping. `dispatch` decides which job goes to which worker; each worker has an
attendant (`slot`), which owns its process and reads its replies.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import trio

from ..admission.disciplines import Discipline
from ..admission.tally import statistics
from ..measure.ledger import LEDGER, Ledger
from ..measure.process import resident_bytes
from ..records.queue import QueueStatistics
from ..worker.frames import Reply
from ..worker.priority import NICER
from .dispatch import Dispatcher
from .job import Job
from .limits import PoolLimits
from .process import Worker
from .restart import RestartBudget
from .slot import Slot

T = TypeVar("T")

_HOUSEKEEPING = 0.25  # seconds between two looks at memory, age and idleness


class WorkerPool:
    """Runs functions in worker processes. Open it with `open_worker_pool`."""

    def __init__(
        self, name: str, limits: PoolLimits, discipline: Discipline[Any] | None, command: list[str] | None
    ) -> None:
        self.name = name
        self.limits = limits
        self.closing = trio.Event()
        self._command = command
        self._slots = [Slot(self) for _ in range(limits.size)]
        self._dispatcher = Dispatcher(name, limits, discipline, self._slots, self.closing)
        self._submit = self._dispatcher.submit
        self._restarts = 0
        self._all_ready = trio.Event()
        self._spawn_limiter = trio.CapacityLimiter(limits.size)
        if limits.min_size is not None:
            self.resize(limits.min_size)

    def __repr__(self) -> str:
        restarts = f"{self.restarts} restart" + ("" if self.restarts == 1 else "s")
        bound = "∞" if self.limits.max_queue is None else self.limits.max_queue
        return f"<WorkerPool {self._dispatcher.busy}/{self.size} busy, {self.waiting}/{bound} queued, {restarts}>"

    @property
    def size(self) -> int:
        """Workers that are wanted now."""
        return sum(bool(slot.wanted.value) for slot in self._slots)

    @property
    def ready(self) -> int:
        """Workers that live and take jobs."""
        return self._dispatcher.ready

    @property
    def busy(self) -> int:
        """Workers that run a job."""
        return self._dispatcher.busy

    @property
    def waiting(self) -> int:
        """Jobs that have not begun, wherever they are."""
        return self._dispatcher.waiting

    @property
    def restarts(self) -> int:
        """Workers started in the place of one that died unasked."""
        return self._restarts

    def pids(self) -> list[int]:
        """The processes that live now."""
        return [slot.worker.pid for slot in self._slots if slot.worker is not None]

    async def wait_ready(self) -> None:
        """Returns when all workers have been ready at once. Nobody has to wait for it; jobs may come before."""
        await self._all_ready.wait()

    async def run(
        self,
        fn: Callable[..., T],
        *args: object,
        queue_timeout: float | None = None,
        run_timeout: float | None = None,
        kind: str | None = None,
        priority: int = 0,
    ) -> T:
        """Run ``fn(*args)`` in a worker process and return what it returns.

        The function and its arguments must be picklable; they are pickled before the job may wait. The limits default
        to the pool's; ``kind`` names the job in statistics (default: the function's name), and disciplines may go by it
        and by ``priority`` (higher first).

        Raises:
            QueueFull, QueueTimeout, Shed, RestartLimitReached: refused; the job was not started.
            RunTimeout: the job ran too long and was ended.
            BrokenWorkerError: the worker died while it ran the job.
            JobError: the job raised or returned something that cannot travel.
            trio.ClosedResourceError: the pool was closed.
            and whatever the job raises, with the worker's traceback as a note.
        """
        job = self._submit(fn, args, queue_timeout, run_timeout, kind, priority)
        if (ledger := LEDGER.get()) is not None:
            return await _wait_and_book(job, ledger)  # type: ignore[no-any-return]
        return await trio.lowlevel.wait_task_rescheduled(job.leave)  # type: ignore[no-any-return]

    async def run_timed(self, fn: Callable[..., T], *args: object, **limits: Any) -> tuple[T, float]:
        """As `run`, and the seconds that the job waited for a worker."""
        job = self._submit(
            fn, args, **{"queue_timeout": None, "run_timeout": None, "kind": None, "priority": 0} | limits
        )
        if (ledger := LEDGER.get()) is not None:
            return await _wait_and_book(job, ledger), job.entered - job.arrived
        return await trio.lowlevel.wait_task_rescheduled(job.leave), job.entered - job.arrived

    # What the slots ask of their pool.

    @property
    def budget(self) -> RestartBudget:
        return self._dispatcher.budget

    async def spawn(self, *, replaces: bool) -> Worker:
        self._restarts += replaces
        return await Worker.spawn(self._spawn_limiter, nicer=NICER, memory=self.limits.memory, command=self._command)

    def on_ready(self, slot: Slot) -> None:
        self._dispatcher.on_ready(slot)
        if self.ready == self.size:
            self._all_ready.set()

    def on_replies(self, slot: Slot, replies: list[Reply]) -> None:
        self._dispatcher.on_replies(slot, replies)

    def on_leaving(self, slot: Slot) -> None:
        self._dispatcher.on_leaving(slot)

    def on_gone(self, slot: Slot, unread: set[int], code: int) -> None:
        self._dispatcher.on_gone(slot, unread, code)

    # Size and age.

    def resize(self, size: int) -> None:
        """How many workers are wanted, from 1 to the pool's size. Those too many end after the job they run."""
        if not 1 <= size <= self.limits.size:
            raise ValueError(f"size must be between 1 and {self.limits.size}")
        # Idle ones go first, then busy ones; wanted ones stay where they are.
        order = sorted(self._slots, key=lambda slot: (not slot.wanted.value, slot.worker is None, not slot.jobs))
        for n, slot in enumerate(order):
            slot.wanted.value = n < size
            if n >= size:
                self._retire(slot)

    async def keep_house(self) -> None:
        """Runs for the life of the pool: retires workers that are too large, too old, or idle for long."""
        while True:
            await trio.sleep(_HOUSEKEEPING)
            now = trio.current_time()
            for slot in [slot for slot in self._slots if slot.ready and not slot.retiring]:
                if self._is_too_large(slot) or self._dispatcher.is_spent(slot, now):
                    self._retire(slot)
            if self.limits.min_size is not None:
                self._follow_demand(self.limits.min_size, now)

    def _follow_demand(self, smallest: int, now: float) -> None:
        size = self.size
        if self.waiting and size < self.limits.size:
            self.resize(size + 1)
        elif size > smallest and any(
            now - slot.idle_since >= self.limits.idle_timeout for slot in self._dispatcher.idle
        ):
            self.resize(size - 1)

    def _retire(self, slot: Slot) -> None:
        if slot in self._dispatcher.idle:
            self._dispatcher.idle.remove(slot)
        slot.end_worker()

    def _is_too_large(self, slot: Slot) -> bool:
        limit = self.limits.recycle_memory
        if limit is None or slot.worker is None:
            return False
        resident = resident_bytes(slot.worker.pid)
        return resident is not None and resident > limit

    # Telling.

    def kinds(self) -> list[str]:
        """The kinds of jobs that ever came."""
        return sorted(self._dispatcher.tallies)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        """The pool as a queue; with a ``kind``, the counts and histograms of that kind of job.

        Service times are measured in the worker, around the job; waits end when the job is given to a free worker.
        """
        d = self._dispatcher
        return statistics(
            self.name,
            d.tallies,
            kind,
            capacity=d.ready,
            in_service=d.busy,
            waiting=d.waiting,
            max_waiting=self.limits.max_queue,
            peak_waiting=d.room.peak,
            utilization=d.utilization(trio.current_time()),
        )


async def _wait_and_book(job: Job, ledger: Ledger) -> Any:
    """Wait for a job's end, for a request that keeps a ledger."""
    try:
        result = await trio.lowlevel.wait_task_rescheduled(job.leave)
    except BaseException as error:
        job.book(ledger, error)
        raise
    job.book(ledger, None)
    return result


@asynccontextmanager
async def open_worker_pool(
    *,
    name: str = "worker_pool",
    discipline: Discipline[Any] | None = None,
    grace: float = 1.0,
    command: list[str] | None = None,
    **limits: Any,
) -> AsyncIterator[WorkerPool]:
    """A pool of worker processes for the length of the block. ``limits`` are the fields of `PoolLimits`.

    Workers are being started when the block begins; jobs may come at once and wait for the first that is ready. At the
    end of the block waiting callers get `trio.ClosedResourceError`, running jobs have ``grace`` seconds to end, then no
    child is left. When the block is left by an exception or cancelled, nobody waits for running jobs.
    """
    pool = WorkerPool(name, PoolLimits(**limits), discipline, command)
    async with trio.open_nursery() as keeping:
        keeping.start_soon(pool._dispatcher.alarm.run)
        keeping.start_soon(pool.keep_house)
        async with trio.open_nursery() as living:
            for slot in pool._slots:
                living.start_soon(slot.attend)
            try:
                yield pool
            finally:
                pool._dispatcher.close()
            living.cancel_scope.deadline = trio.current_time() + grace
        keeping.cancel_scope.cancel()
