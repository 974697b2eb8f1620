"""The worker pool: jobs in processes of our own.

This is the pool's face, and what ties its parts together on Trio. `dispatch` and `staff` decide which job goes to which
worker and which workers live; a `driver` carries that out; each worker has an `attendant`, a task that owns its process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, TypeVarTuple, Unpack

import trio
from trio.lowlevel import Abort, checkpoint_if_cancelled, current_task, reschedule, wait_task_rescheduled

from ..admission.deadline import DEADLINE
from ..admission.reserved import reserved_at
from ..blocks import block
from ..errors import Overloaded, QueueFull
from ..measure.announced import announce
from ..measure.ledger import LEDGER, Ledger
from ..measure.process import resident_bytes
from ..preconditions import require_count, require_loop
from ..rarely import Rarely
from ..records.queue import QueueStatistics
from ..worker.importing import IMPORTING
from ..worker.priority import NICER
from .alarm import Alarm
from .asked import AskedJob
from .attendant import Attendant
from .calls import Calls
from .dispatch import Dispatcher
from .driver import Driver
from .job import Job
from .limits import PoolLimits, PoolOptions, with_keywords_of
from .process import WorkerProcess
from .slot import Slot

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_STARTS = 2  # workers forked at a time: each takes descriptors, and the processor is what they wait for
_HOUSEKEEPING = 0.25  # seconds between two looks at memory, age and idleness


class WorkerPool:
    """Runs functions in worker processes. Open it with `open_worker_pool`."""

    driver_type: type[Driver] = Driver
    """What carries out decisions; a drill replaces it in a subclass."""

    def __init__(self, options: PoolOptions, living: trio.Nursery) -> None:
        self.name = options.name
        self.limits: PoolLimits = options
        self._living = living
        self._dispatcher = Dispatcher(options.name, options, options.discipline, trio.ClosedResourceError)
        self._staff = self._dispatcher.staff
        self._all_ready = trio.Event()
        self._alarm = Alarm(self._ring)
        self._driver = self.driver_type(
            self._dispatcher,
            wake=reschedule,
            start=self._start,
            ring_at=self._alarm.at,
            all_ready=self._on_all_ready,
        )
        self._submit = self._dispatcher.submit
        self._carry_out = self._driver.carry_out
        self._write_call = Calls().write
        self._turn = trio.Lock()
        self._failures = Rarely()
        self._options = options
        self._forks = trio.CapacityLimiter(min(options.size, _STARTS))
        # As `trio.current_time`, which looks for the clock each time.
        self._now = trio.lowlevel.current_clock().current_time
        self.resize(options.size if options.min_size is None else options.min_size)
        announce(self)

    def __repr__(self) -> str:
        restarts = f"{self.restarts} restart" + ("" if self.restarts == 1 else "s")
        bound = "∞" if self.limits.max_queue is None else self.limits.max_queue
        return f"<WorkerPool {self.busy}/{self.size} busy, {self.waiting}/{bound} queued, {restarts}>"

    @property
    def size(self) -> int:
        """Workers that are wanted now."""
        return self._staff.size

    @property
    def ready(self) -> int:
        """Workers that live and take jobs."""
        return self._staff.ready

    @property
    def busy(self) -> int:
        """Workers that run a job."""
        return self._staff.busy

    @property
    def waiting(self) -> int:
        """Jobs that have not begun, wherever they are."""
        return self._dispatcher.waiting

    @property
    def has_room(self) -> bool:
        """Whether the next job begins or may wait."""
        return self._dispatcher.has_room

    def turn_away(self, kind: str) -> QueueFull:
        """Count a job for which there is no room as refused; what to tell its caller."""
        return self._dispatcher.turn_away(kind)

    @property
    def restarts(self) -> int:
        """Workers started in the place of one that died unasked."""
        return self._staff.restarts

    def pids(self) -> list[int]:
        """The processes that live now."""
        return [*self.states()]

    def states(self) -> dict[int, str]:
        """The same with the state of each."""
        return {slot.worker.pid: slot.state for slot in self._staff.slots if slot.worker is not None}

    async def wait_ready(self) -> None:
        """Returns once all workers that are wanted are ready together. Jobs may come before.

        Raises:
            trio.ClosedResourceError: the pool was closed.
        """
        if self._dispatcher.closing or self.ready >= self.size:
            await trio.lowlevel.checkpoint()
        else:
            await self._all_ready.wait()
        if self._dispatcher.closing:
            raise trio.ClosedResourceError(f"{self.name} was closed")

    @trio.lowlevel.enable_ki_protection  # a Ctrl-C between admitting a job and parking its caller would lose both
    async def run(
        self,
        fn: Callable[[Unpack[Ts]], T],
        *args: *Ts,
        queue_timeout: float | None = None,
        run_timeout: float | None = None,
        kind: str | None = None,
        priority: int = 0,
    ) -> T:
        """Run ``fn(*args)`` in a worker process and return what it returns.

        The function and its arguments must be picklable; they are pickled before the job may wait. The limits default
        to the pool's, and a job neither waits nor runs beyond the `DEADLINE` of the current request; ``kind`` names the
        job in statistics (default: the function's name), and disciplines may go by it and by ``priority`` (higher first).

        Raises:
            QueueFull, QueueTimeout, Shed, RestartLimitReached: refused; the job was not started.
            RunTimeout: the job ran too long and was ended.
            BrokenWorkerError: the worker died while it ran the job.
            JobError: the job raised or returned something that cannot travel.
            TypeError: ``fn`` is no plain function that a worker can import, or an argument cannot be pickled.
            trio.ClosedResourceError: the pool was closed.
            and whatever the job raises, with the worker's traceback as a note.
        """
        await checkpoint_if_cancelled()  # once it is sent, an idle worker reads it at once
        now, deadline = self._now(), DEADLINE.get()
        call, task = self._write_call(fn, args), current_task()
        try:
            job = self._submit(fn, call, queue_timeout, run_timeout, kind, priority, task, now, deadline)
        except Overloaded:  # a caller that asks again at once must not hold up the loop
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise
        if job.worker is not None or job.deadline < self._driver.rings:
            self._carry_out(job.arrived)
        if (ledger := LEDGER.get()) is not None:
            return await self._wait_and_book(job, ledger)  # type: ignore[no-any-return]
        return await wait_task_rescheduled(partial(self._leave, job))  # type: ignore[no-any-return]

    @trio.lowlevel.enable_ki_protection
    async def run_timed(
        self,
        fn: Callable[[Unpack[Ts]], T],
        *args: *Ts,
        queue_timeout: float | None = None,
        run_timeout: float | None = None,
        kind: str | None = None,
        priority: int = 0,
    ) -> tuple[T, float]:
        """As `run`, and the seconds that the job waited for a worker. A job that the task has `reserved` has ended already."""
        await checkpoint_if_cancelled()
        if (asked := reserved_at(self)) is not None:
            return asked.outcome(self._now())  # type: ignore[no-any-return]
        now, deadline = self._now(), DEADLINE.get()
        call, task = self._write_call(fn, args), current_task()
        try:
            job = self._submit(fn, call, queue_timeout, run_timeout, kind, priority, task, now, deadline)
        except Overloaded:  # a caller that asks again at once must not hold up the loop
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise
        if job.worker is not None or job.deadline < self._driver.rings:
            self._carry_out(job.arrived)
        if (ledger := LEDGER.get()) is not None:
            return await self._wait_and_book(job, ledger), job.entered - job.arrived
        return await wait_task_rescheduled(partial(self._leave, job)), job.entered - job.arrived

    @trio.lowlevel.enable_ki_protection
    def ask(
        self, told: Callable[[Exception | None], object], fn: Callable[[Unpack[Ts]], object], *args: *Ts, kind: str
    ) -> AskedJob:
        """As `run_timed`, for a caller that has no task: see `AskedJob`. Raises what `run` raises before the job may wait."""
        asked, now = AskedJob(self, self.abandon), self._now()
        call = self._write_call(fn, args)
        job = asked.job = self._submit(fn, call, None, None, kind, 0, asked, now, DEADLINE.get())
        if job.worker is not None or job.deadline < self._driver.rings:
            self._carry_out(now)
        asked.told = told
        return asked

    async def _wait_and_book(self, job: Job, ledger: Ledger) -> Any:
        """Wait for a job's end, for a request that keeps a ledger."""
        try:
            result = await wait_task_rescheduled(partial(self._leave, job))
        except BaseException as error:
            job.book(ledger, error, trio.current_time())
            raise
        job.book(ledger, None, trio.current_time())
        return result

    def _leave(self, job: Job, _: object) -> Abort:
        """A caller was cancelled (Trio's abort function)."""
        self.abandon(job)
        return Abort.SUCCEEDED

    def abandon(self, job: Job) -> None:
        """The caller of this job has left."""
        now = self._now()
        self._dispatcher.abandon(job, now)
        self._carry_out(now)

    @trio.lowlevel.enable_ki_protection
    def resize(self, size: int) -> None:
        """How many workers are wanted, from 1 to the pool's size. Those too many end after the job they run. Raises
        `trio.ClosedResourceError` if the pool was closed."""
        require_count("size", size, low=1)
        if size > self.limits.size:
            raise ValueError(f"size must be between 1 and {self.limits.size}")
        if self._dispatcher.closing:
            raise trio.ClosedResourceError(f"{self.name} was closed")
        now = self._now()
        self._staff.resize(size, now)
        self._carry_out(now)

    # What happens on Trio.

    async def _spawn(self) -> WorkerProcess:
        options = self._options
        return await WorkerProcess.spawn(self._forks, nicer=NICER, memory=options.memory, command=options.command)

    def _on_all_ready(self) -> None:
        self._all_ready.set()
        self._all_ready = trio.Event()  # for callers that wait after the next resize

    def _start(self, slot: Slot) -> None:
        attendant = Attendant(
            slot, self._dispatcher, self._carry_out, self._spawn, turn=self._turn, failures=self._failures
        )
        self._living.start_soon(attendant.run)

    def _ring(self, now: float) -> None:
        self._driver.ring(now)

    @trio.lowlevel.enable_ki_protection
    async def _keep_house(self) -> None:
        """Runs for the life of the pool: sees to workers that are too large, too old, or idle for long."""
        while True:
            await trio.sleep(_HOUSEKEEPING)
            if self._dispatcher.closing:
                continue  # no worker is wanted any more, whoever waits
            now = self._now()
            too_large = [slot for slot in self._staff.slots if self._is_too_large(slot)]
            self._staff.keep_house(self.waiting, too_large, now)
            self._carry_out(now)

    def _is_too_large(self, slot: Slot) -> bool:
        limit = self.limits.recycle_memory
        if limit is None or slot.worker is None:
            return False
        resident = resident_bytes(slot.worker.pid)
        return resident is not None and resident > limit

    @trio.lowlevel.enable_ki_protection
    def _close(self) -> None:
        now = self._now()
        self._dispatcher.close(now)
        self._carry_out(now)
        self._all_ready.set()

    def kinds(self) -> list[str]:
        """The kinds of jobs that ever came."""
        return sorted(self._dispatcher.tallies)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        """The pool as a queue; with a ``kind``, the counts and histograms of that kind of job.

        Service times are measured in the worker, around the job; waits end when the job is given to a free worker.
        """
        d = self._dispatcher
        return replace(
            d.tallies.statistics(self.name, kind),
            capacity=self._staff.capacity,
            in_service=self.busy,
            waiting=d.waiting,
            max_waiting=self.limits.max_queue,
            peak_waiting=d.backlog.room.peak,
            utilization=self._staff.utilization(self._now()),
        )


Pool = TypeVar("Pool", bound=WorkerPool)
_Opening = AbstractAsyncContextManager[WorkerPool]


@with_keywords_of(PoolOptions)
def open_worker_pool(options: PoolOptions) -> _Opening:
    """A pool of worker processes for the length of the block. The keywords are the fields of `PoolOptions`.

    Workers are being started when the block begins; jobs may come at once and wait for the first that is ready. At the
    end of the block waiting callers get `trio.ClosedResourceError`, running jobs have ``grace`` seconds to end, then no
    child is left. When the block is left by an exception or cancelled, running jobs are killed at once.
    """
    return open_pool(WorkerPool, options)


@block
async def open_pool(kind: type[Pool], options: PoolOptions) -> AsyncIterator[Pool]:
    """As `open_worker_pool`, for a subclass of `WorkerPool`."""
    require_loop("open_worker_pool", "Trio")
    IMPORTING.check_pool("open_worker_pool")
    async with trio.open_nursery() as keeping:
        async with trio.open_nursery() as living:
            pool = kind(options, living)
            keeping.start_soon(pool._alarm.run)
            keeping.start_soon(pool._keep_house)
            try:
                yield pool
            finally:
                pool._close()
            living.cancel_scope.deadline = trio.current_time() + options.grace
        keeping.cancel_scope.cancel()
