"""The worker pool: jobs in processes of our own.

Whoever calls `WorkerPool.run` is admitted or refused at once, by a synchronous method. A job goes to an idle worker, or
waits in the waiting room; a worker that has ended a job takes the next. Each worker has an attendant (`slot`), which owns
its process and reads its replies.

Short jobs are sent ahead: a worker that runs jobs of less than a fifth of a millisecond gets up to four at a time, so
that it need not wait for the loop between two of them. A job that was sent ahead still waits: it counts as waiting, its
deadline goes with it, and as long as its worker has not read it, it is taken back when another worker is idle, when its
caller leaves or when its time is up. So no job ever stands behind a long one while a worker is free.

A job belongs to its worker, not to its caller: when the caller is cancelled it leaves at once, and the worker stays busy
until the job has really ended. Anything else would let a pool of two run three jobs.
"""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pickle import HIGHEST_PROTOCOL, dumps
from typing import Any, TypeVar

import trio

from ..admission.disciplines import Discipline
from ..admission.tally import Tallies, statistics
from ..admission.waiting_room import WaitingRoom
from ..cores import default_workers
from ..errors import BrokenWorkerError, QueueTimeout, RestartLimitReached, RunTimeout
from ..frames import EXPIRED, JOB, PACKET, Reply
from ..measure.process import resident_bytes
from ..measure.queues import QueueStatistics
from .alarm import Alarm
from .job import Job
from .priority import NICER
from .restart import RestartBudget, RestartPolicy
from .slot import Slot
from .worker import Worker

T = TypeVar("T")

_log = logging.getLogger("trio_lab.pools")

_BRIEF = 200e-6  # seconds; jobs that run shorter than this are sent ahead
_KILL_AFTER = 0.2  # seconds between asking a job to end and killing its worker
_HOUSEKEEPING = 0.25  # seconds between two looks at memory, age and idleness


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """What a pool and its workers may use. Times in seconds, memory in bytes; None is no bound.

    ``min_size`` to ``size`` workers live: more than the minimum only while there is work for them (idle ones end after
    ``idle_timeout``). ``memory`` is a worker's hard bound: a job that wants more gets a MemoryError. A worker is replaced
    after ``max_jobs`` jobs, at the age of ``max_age``, or when it holds more than ``recycle_memory``, between two jobs.
    ``on_cancel`` says what becomes of a running job whose caller was cancelled: "abandon" lets it end, "stop" ends it.
    ``ahead`` is how many short jobs a worker may be given at a time; 1 turns sending ahead off.
    """

    size: int = field(default_factory=default_workers)
    min_size: int | None = None
    max_queue: int | None = 200
    queue_timeout: float | None = None
    run_timeout: float | None = None
    idle_timeout: float = 10.0
    memory: int | None = None
    recycle_memory: int | None = None
    max_jobs: int | None = None
    max_age: float | None = None
    on_cancel: str = "abandon"
    ahead: int = 4
    restart: RestartPolicy = field(default_factory=RestartPolicy)

    def __post_init__(self) -> None:
        if self.size < 1 or not 1 <= (self.min_size or self.size) <= self.size:
            raise ValueError("size must be at least 1, and min_size between 1 and size")
        if not 1 <= self.ahead <= 8:
            raise ValueError("ahead must be between 1 and 8")  # a pipe holds 16 packets
        if self.on_cancel not in ("abandon", "stop"):
            raise ValueError("on_cancel must be abandon or stop")


class WorkerPool:
    """Runs functions in worker processes. Open it with `open_worker_pool`."""

    def __init__(
        self, name: str, limits: PoolLimits, discipline: Discipline[Any] | None, command: list[str] | None
    ) -> None:
        self.name = name
        self.limits = limits
        self.closing = trio.Event()
        self.budget = RestartBudget(limits.restart)
        self._command = command
        self._tallies = Tallies()
        self._room = WaitingRoom(name, max_waiting=limits.max_queue, discipline=discipline, tallies=self._tallies)
        self._slots: list[Slot] = []
        self._idle: list[Slot] = []
        self._held: deque[Job] = deque()
        """Jobs that left the waiting room and are with no worker: too long to be sent ahead, or taken back."""
        self._in_flight = 0
        self._busy = 0
        self._ready = 0
        self._restarts = -limits.size
        self._numbers = itertools.count(1)
        self._alarm = Alarm(self._ring)
        self._all_ready = trio.Event()
        self._spawn_limiter = trio.CapacityLimiter(limits.size)
        self._busy_seconds = self._offered_seconds = 0.0
        self._changed = trio.current_time()

    def __repr__(self) -> str:
        restarts = f"{self.restarts} restart" + ("" if self.restarts == 1 else "s")
        bound = "∞" if self.limits.max_queue is None else self.limits.max_queue
        return f"<WorkerPool {self._busy}/{self.size} busy, {self.waiting}/{bound} queued, {restarts}>"

    @property
    def size(self) -> int:
        """Workers that are wanted now."""
        return sum(bool(slot.wanted.value) for slot in self._slots)

    @property
    def ready(self) -> int:
        """Workers that live and take jobs."""
        return self._ready

    @property
    def waiting(self) -> int:
        """Jobs that have not begun, wherever they are."""
        return self._room.count + len(self._held) + self._in_flight - self._busy

    @property
    def restarts(self) -> int:
        """Workers started in the place of one that is gone."""
        return max(0, self._restarts)

    def pids(self) -> list[int]:
        """The processes that live now."""
        return [slot.worker.pid for slot in self._slots if slot.worker is not None]

    async def wait_ready(self) -> None:
        """Returns when all workers have been ready at once. Nobody has to wait for it; jobs may come before."""
        await self._all_ready.wait()

    # Calling.

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
        return await trio.lowlevel.wait_task_rescheduled(job.leave)  # type: ignore[no-any-return]

    async def run_timed(self, fn: Callable[..., T], *args: object, **limits: Any) -> tuple[T, float]:
        """As `run`, and the seconds that the job waited for a worker."""
        job = self._submit(
            fn, args, **{"queue_timeout": None, "run_timeout": None, "kind": None, "priority": 0} | limits
        )
        return await trio.lowlevel.wait_task_rescheduled(job.leave), job.entered - job.arrived

    # Deciding. All synchronous.

    def _submit(
        self,
        fn: Callable[..., Any],
        args: tuple[object, ...],
        queue_timeout: float | None,
        run_timeout: float | None,
        kind: str | None,
        priority: int,
    ) -> Job:
        """Admit a job, or refuse it. Kept flat, as is all that happens to every job: see docs/bench.md."""
        room, alarm = self._room, self._alarm
        room.check_open()
        call = dumps((fn, args), HIGHEST_PROTOCOL)
        if kind is None:
            kind = getattr(fn, "__name__", None) or type(fn).__name__
        limits = self.limits
        now = trio.current_time()
        job = Job(kind, priority, now, limits.queue_timeout if queue_timeout is None else queue_timeout)
        job.pool = self
        job.number = next(self._numbers)
        job.call = call
        job.caller = trio.lowlevel.current_task()
        limit = limits.run_timeout if run_timeout is None else run_timeout
        job.run_limit = math.inf if limit is None else limit
        job.slot = job.reply = None
        job.timed_out = False
        tally = job.tally = self._tallies[kind]
        tally.arrivals += 1
        if self._idle:
            self._send(self._idle.pop(), job, now)
        elif self._ready == 0 and self.budget.open:
            tally.rejected += 1
            raise RestartLimitReached(self.name, retry_after=max(1.0, self.budget.next_start(now) - now))
        elif not room.count and not self._held and (slot := self._slot_ahead(job)) is not None:
            self._send(slot, job, now)
        else:
            room.add(job, self.waiting)
            if job.deadline < alarm.due:
                alarm.at(job.deadline)
        return job

    def _slot_ahead(self, job: Job) -> Slot | None:
        """A busy worker that this job may be sent to before it is free."""
        if not self._is_brief(job) or (self._room.max_waiting is not None and self.waiting >= self._room.max_waiting):
            return None
        return next((slot for slot in self._slots if slot.jobs and self._may_follow(slot)), None)

    def _is_brief(self, job: Job) -> bool:
        recent = job.tally.recent
        return recent is not None and recent < _BRIEF and JOB.size + len(job.call) <= PACKET

    def _may_follow(self, slot: Slot) -> bool:
        return len(slot.jobs) < self.limits.ahead and not slot.retiring and self._is_brief(slot.jobs[0])

    def _send(self, slot: Slot, job: Job, now: float) -> None:
        job.slot = slot
        self._in_flight += 1
        slot.jobs.append(job)
        if len(slot.jobs) == 1:
            self._busy += 1
            self._begin(slot, job, now)
        else:
            self._alarm.at(job.deadline)
        assert slot.worker is not None
        deadline = 0.0 if job.deadline == math.inf else time.monotonic() + (job.deadline - now)
        slot.worker.send(job.number, deadline, job.call)

    def _begin(self, slot: Slot, job: Job, now: float) -> None:
        job.entered = now
        slot.run_due = due = now + job.run_limit
        if due < self._alarm.due:
            self._alarm.at(due)

    def on_replies(self, slot: Slot, replies: list[Reply]) -> None:
        now = trio.current_time()
        jobs, reschedule = slot.jobs, trio.lowlevel.reschedule
        for reply in replies:
            number, end, seconds, _ = reply
            if not jobs or jobs[0].number != number:
                continue  # no answer to what was asked: it comes from a process that a job has left behind
            job = jobs.popleft()
            self._in_flight -= 1
            if end == EXPIRED:
                job.tally.timed_out += 1
            else:
                job.tally.complete(job.entered - job.arrived, seconds)
                self._busy_seconds += seconds
            if job.caller is not None:
                job.reply = reply
                reschedule(job.caller, job)  # type: ignore[arg-type]  # see `Job`
            slot.served += 1
            if jobs:
                self._begin(slot, jobs[0], now)
            else:
                self._busy -= 1
                slot.run_due = math.inf
        slot.interrupted = False
        self.budget.proved()
        if not jobs or len(jobs) < self.limits.ahead:
            self._refill(slot, now)

    def _refill(self, slot: Slot, now: float) -> None:
        """Give a worker what it may have now; when there is nothing, it is idle."""
        if slot.retiring or self._is_spent(slot, now):
            if not slot.jobs:
                slot.end_worker()
            return
        if not slot.jobs and (job := self._next(now)) is not None:
            self._send(slot, job, now)
        room = self._room
        while room.count and slot.jobs and not self._held and self._may_follow(slot):
            if (job := self._next(now)) is None:
                break
            if self._is_brief(job):
                self._send(slot, job, now)
            else:
                self._held.append(job)
        if not slot.jobs and not self._steal(slot, now):
            slot.idle_since = now
            self._idle.append(slot)

    def _next(self, now: float) -> Job | None:
        while self._held:
            job = self._held.popleft()
            if job.deadline > now:
                return job
            self._time_out(job)
        return self._room.take(now)  # type: ignore[return-value]  # only jobs wait here

    def _steal(self, slot: Slot, now: float) -> bool:
        """Take a job back that another worker has not begun, for this one is idle."""
        for other in self._slots:
            if len(other.jobs) > 1 and other.worker is not None and (number := other.worker.take_back()) is not None:
                job = next(job for job in other.jobs if job.number == number)
                self._detach(other, job)
                self._send(slot, job, now)
                return True
        return False

    def _detach(self, slot: Slot, job: Job) -> None:
        """A job is no longer with its worker, which has not begun it."""
        slot.jobs.remove(job)
        job.slot = None
        self._in_flight -= 1
        if not slot.jobs:
            self._busy -= 1
            slot.run_due = math.inf

    def _reclaim(self, slot: Slot, now: float) -> None:
        """Take everything back that a worker has not begun, and decide anew who is to have it."""
        if slot.worker is not None:
            self._put_back(slot, set(iter(slot.worker.take_back, None)), now)

    def _put_back(self, slot: Slot, numbers: set[int], now: float) -> None:
        for job in [job for job in slot.jobs if job.number in numbers]:
            self._detach(slot, job)
            if job.caller is None:
                job.tally.cancelled += 1
            elif job.deadline <= now:
                self._time_out(job)
            elif self.closing.is_set():
                job.tally.cancelled += 1
                job.fail(trio.ClosedResourceError(f"{self.name} was closed"))
            else:
                self._held.append(job)

    def _time_out(self, job: Job) -> None:
        job.tally.timed_out += 1
        job.fail(QueueTimeout(self.name))

    def abandon(self, job: Job) -> None:
        """The caller was cancelled."""
        job.caller = None
        slot = job.slot
        if slot is None:
            if job in self._held:
                self._held.remove(job)
                job.tally.cancelled += 1
            else:
                self._room.remove(job)
        elif slot.jobs[0] is not job:
            now = trio.current_time()
            self._reclaim(slot, now)
            self._spread(now)
        elif self.limits.on_cancel == "stop":
            slot.run_due = trio.current_time()
            self._alarm.at(slot.run_due)

    def _spread(self, now: float) -> None:
        """Jobs were taken back: idle workers take them, or their own worker has them again."""
        while self._held and self._idle:
            slot = self._idle.pop()
            self._refill(slot, now)
        for slot in self._slots:
            while self._held and slot.jobs and self._may_follow(slot) and self._is_brief(self._held[0]):
                self._send(slot, self._held.popleft(), now)
            if slot.ready and not slot.jobs and not slot.retiring and slot not in self._idle:
                self._refill(slot, now)

    def _ring(self, now: float) -> float:
        """What is due: waits that are over, jobs that run too long. Returns when to look again."""
        self._room.expire(now)
        for job in [job for job in self._held if job.deadline <= now]:
            self._held.remove(job)
            self._time_out(job)
        for slot in self._slots:
            if slot.run_due <= now:
                self._end_running(slot, now)
            if any(job.deadline <= now for job in itertools.islice(slot.jobs, 1, None)):
                self._reclaim(slot, now)
        self._spread(now)
        deadlines = [self._room.next_deadline(), *(job.deadline for job in self._held)]
        for slot in self._slots:
            deadlines += [slot.run_due, *(job.deadline for job in itertools.islice(slot.jobs, 1, None))]
        return min(deadlines, default=math.inf)

    def _end_running(self, slot: Slot, now: float) -> None:
        """First ask, then kill. What the worker has not begun goes elsewhere before that."""
        if slot.worker is None or not slot.jobs:
            slot.run_due = math.inf
            return
        running = slot.jobs[0]
        self._reclaim(slot, now)
        if not slot.jobs or slot.jobs[0] is not running:
            return  # it had not begun
        running.timed_out = True
        if slot.interrupted:
            slot.worker.kill()
            slot.run_due = math.inf
        else:
            slot.interrupted = True
            slot.worker.interrupt()
            slot.run_due = now + _KILL_AFTER

    # Workers come and go.

    async def spawn(self) -> Worker:
        self._restarts += 1
        return await Worker.spawn(self._spawn_limiter, nicer=NICER, memory=self.limits.memory, command=self._command)

    def on_ready(self, slot: Slot) -> None:
        now = trio.current_time()
        self.budget.proved()
        slot.since = now
        self._change_ready(+1, now)
        if self._ready == self.size:
            self._all_ready.set()
        self._refill(slot, now)

    def on_leaving(self, slot: Slot) -> None:
        """A worker has died, or has to; its jobs are still with it."""
        self._change_ready(-1, trio.current_time())
        if slot in self._idle:
            self._idle.remove(slot)

    def on_gone(self, slot: Slot, unread: set[int], code: int) -> None:
        """A worker has ended, wanted or not. Jobs that it had not begun are given to others; the one it ran has failed."""
        now = trio.current_time()
        self._put_back(slot, unread, now)
        while slot.jobs:
            job = slot.jobs[0]
            self._detach(slot, job)
            job.tally.complete(job.entered - job.arrived, now - job.entered)
            job.fail(self._loss(job, code))
        if self._ready == 0 and self.budget.open:
            self._refuse_waiting(now)
        self._spread(now)

    def _refuse_waiting(self, now: float) -> None:
        retry_after = max(1.0, self.budget.next_start(now) - now)
        while (job := self._next(now)) is not None:
            job.tally.rejected += 1
            job.fail(RestartLimitReached(self.name, retry_after=retry_after))

    def _loss(self, job: Job, code: int) -> Exception:
        if job.timed_out:
            return RunTimeout("the job ran into its run timeout; its worker was killed")
        if self.closing.is_set():
            return trio.ClosedResourceError(f"{self.name} was closed while the job ran")
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return BrokenWorkerError(f"the worker died with {how}", exit_code=code)

    def _change_ready(self, change: int, now: float) -> None:
        self._offered_seconds += (now - self._changed) * self._ready
        self._changed = now
        self._ready += change

    def resize(self, size: int) -> None:
        """How many workers are wanted, from 1 to the pool's size. Those too many end after the job they run."""
        if not 1 <= size <= self.limits.size:
            raise ValueError(f"size must be between 1 and {self.limits.size}")
        # Idle ones go first, then busy ones; wanted ones stay where they are.
        order = sorted(self._slots, key=lambda slot: (slot.worker is None, not slot.jobs))
        for n, slot in enumerate(order):
            slot.wanted.value = n < size
            if n >= size:
                if slot in self._idle:
                    self._idle.remove(slot)
                slot.end_worker()

    def _is_spent(self, slot: Slot, now: float) -> bool:
        limits = self.limits
        return (limits.max_jobs is not None and slot.served >= limits.max_jobs) or (
            limits.max_age is not None and now - slot.since >= limits.max_age
        )

    async def keep_house(self) -> None:
        """Runs for the life of the pool: retires workers that are too large, too old, or idle for long."""
        while True:
            await trio.sleep(_HOUSEKEEPING)
            now = trio.current_time()
            for slot in [slot for slot in self._slots if slot.ready and not slot.retiring]:
                if self._is_too_large(slot) or self._is_spent(slot, now):
                    if slot in self._idle:
                        self._idle.remove(slot)
                    slot.end_worker()
            smallest, size = self.limits.min_size or self.limits.size, self.size
            if self.waiting and size < self.limits.size:
                self.resize(size + 1)
            elif size > smallest and any(now - slot.idle_since >= self.limits.idle_timeout for slot in self._idle):
                self.resize(size - 1)

    def _is_too_large(self, slot: Slot) -> bool:
        limit = self.limits.recycle_memory
        if limit is None or slot.worker is None:
            return False
        resident = resident_bytes(slot.worker.pid)
        return resident is not None and resident > limit

    def close(self) -> None:
        """Refuse who waits and who comes; idle workers end now, busy ones after their job."""
        self.closing.set()
        self._room.close()
        closed = trio.ClosedResourceError(f"{self.name} was closed")
        now = trio.current_time()
        while self._held:
            job = self._held.popleft()
            job.tally.cancelled += 1
            job.fail(closed)
        for slot in self._slots:
            self._reclaim(slot, now)
            slot.retiring = True
            if slot.worker is not None:
                slot.worker.ask_to_end()

    # Telling.

    def kinds(self) -> list[str]:
        """The kinds of jobs that ever came."""
        return sorted(self._tallies)

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        """The pool as a queue; with a ``kind``, the counts and histograms of that kind of job.

        Service times are measured in the worker, around the job; waits end when the job is given to a free worker.
        """
        now = trio.current_time()
        self._change_ready(0, now)
        running = sum(now - slot.jobs[0].entered for slot in self._slots if slot.jobs)
        return statistics(
            self.name if not kind else f"{self.name}.{kind}",
            self._tallies.total() if kind is None else self._tallies[kind],
            capacity=self._ready,
            in_service=self._busy,
            waiting=self.waiting,
            max_waiting=self.limits.max_queue,
            peak_waiting=self._room.peak,
            utilization=min(1.0, (self._busy_seconds + running) / self._offered_seconds)
            if self._offered_seconds
            else 0.0,
        )


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
    async with trio.open_nursery() as nursery:
        for _ in range(pool.limits.size):
            slot = Slot(pool)
            pool._slots.append(slot)
        if pool.limits.min_size is not None:
            pool.resize(pool.limits.min_size)
        attendants = trio.CancelScope()
        async with trio.open_nursery() as living:
            attendants = living.cancel_scope
            for slot in pool._slots:
                living.start_soon(slot.attend)
            nursery.start_soon(pool._alarm.run)
            nursery.start_soon(pool.keep_house)
            try:
                yield pool
            finally:
                pool.close()
            attendants.deadline = trio.current_time() + grace
        nursery.cancel_scope.cancel()
