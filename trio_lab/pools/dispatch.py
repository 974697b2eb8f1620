"""Which job goes to which worker, and when. Synchronous throughout: every method decides, acts, and is done.

A job goes to an idle worker, or waits in the waiting room; a worker that has ended a job takes the next.

Short jobs are sent ahead: a worker that runs jobs of less than a fifth of a millisecond gets up to four at a time, so
that it need not wait for the loop between two of them. A job that was sent ahead still waits: it counts as waiting, its
deadline goes with it, and as long as its worker has not read it, it is taken back when another worker is idle, when its
caller leaves or when its time is up. So no job stands behind a long one while a worker is free.

A job belongs to its worker, not to its caller: when the caller is cancelled it leaves at once, and the worker stays busy
until the job has really ended. Anything else would let a pool of two run three jobs.

What is done for every job is kept flat here (`submit`, `on_replies`, `_refill`, `_send`): a call more costs as much as
the unpickling of a small argument. docs/bench.md says where the time goes.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

import trio
from trio.lowlevel import current_task, reschedule

from ..admission.disciplines import Discipline
from ..admission.tally import Tallies
from ..admission.waiting_room import Refusal, WaitingRoom
from ..errors import Overloaded, QueueTimeout, RestartLimitReached
from ..worker.calls import Calls
from ..worker.frames import EXPIRED, Reply
from .alarm import Alarm
from .job import Job
from .limits import PoolLimits
from .process import SHORT
from .restart import RestartBudget
from .slot import Slot

_BRIEF = 200e-6  # seconds; jobs that run shorter than this are sent ahead
_KILL_AFTER = 0.2  # seconds between asking a job to end and killing its worker


class Dispatcher:
    """The jobs of a pool and its slots. ``closing`` is set when the pool ends."""

    def __init__(
        self, name: str, limits: PoolLimits, discipline: Discipline[Any] | None, slots: list[Slot], closing: trio.Event
    ) -> None:
        self.name = name
        self.limits = limits
        self.closing = closing
        self.slots = slots
        self.idle: list[Slot] = []
        self.budget = RestartBudget(limits.restart)
        self.tallies = Tallies()
        self.room = WaitingRoom[Job](name, max_waiting=limits.max_queue, discipline=discipline, tallies=self.tallies)
        self._refusals: list[tuple[Job, Overloaded]] = []  # empty between two decisions
        self.alarm = Alarm(self._ring)
        self.busy = 0
        """Workers that run a job."""
        self.ready = 0
        """Workers that live and take jobs."""
        self._held: deque[Job] = deque()
        """Jobs that left the waiting room and are with no worker: too long to be sent ahead, or taken back."""
        self._in_flight = 0
        self._ahead = limits.ahead
        self._wears_out = limits.max_jobs is not None or limits.max_age is not None
        self._numbers = itertools.count(1)
        self._write_call = Calls().write
        self._busy_seconds = self._offered_seconds = 0.0
        # As `trio.current_time`, which looks for the clock each time.
        self._now = trio.lowlevel.current_clock().current_time
        self._changed = self._now()

    @property
    def waiting(self) -> int:
        """Jobs that have not begun, wherever they are."""
        return self.room.count + len(self._held) + self._in_flight - self.busy

    def submit(
        self,
        fn: Callable[..., Any],
        args: tuple[object, ...],
        queue_timeout: float | None,
        run_timeout: float | None,
        kind: str | None,
        priority: int,
    ) -> Job:
        """Admit a job, or refuse it. Kept flat, as is all that happens to every job: see docs/bench.md."""
        room, alarm = self.room, self.alarm
        if self.closing.is_set():
            raise trio.ClosedResourceError(f"{self.name} is closed")
        call, split = self._write_call(fn, args)
        if kind is None:
            kind = getattr(fn, "__name__", None) or type(fn).__name__
        limits = self.limits
        now = self._now()
        job = Job(kind, priority, now, limits.queue_timeout if queue_timeout is None else queue_timeout)
        job.dispatcher = self
        job.number = next(self._numbers)
        job.call = call
        job.split = split
        job.caller = current_task()
        limit = limits.run_timeout if run_timeout is None else run_timeout
        job.run_limit = math.inf if limit is None else limit
        job.slot = job.reply = None
        job.timed_out = False
        tally = job.tally = self.tallies[kind]
        tally.arrivals += 1
        recent = tally.recent
        job.brief = recent is not None and recent < _BRIEF and len(call) <= SHORT
        if self.idle:
            self._send(self.idle.pop(), job, now)
        elif self.ready == 0 and self.budget.open:
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
        if not job.brief or (self.room.max_waiting is not None and self.waiting >= self.room.max_waiting):
            return None
        return next((slot for slot in self.slots if slot.jobs and self._may_follow(slot)), None)

    def _may_follow(self, slot: Slot) -> bool:
        return len(slot.jobs) < self._ahead and not slot.retiring and slot.jobs[0].brief

    def _send(self, slot: Slot, job: Job, now: float) -> None:
        job.slot = slot
        self._in_flight += 1
        jobs = slot.jobs
        jobs.append(job)
        if len(jobs) == 1:
            self.busy += 1
            job.entered = now
            slot.run_due = due = now + job.run_limit
        else:
            due = job.deadline
        if due < self.alarm.due:
            self.alarm.at(due)
        worker = slot.worker
        assert worker is not None
        deadline = job.deadline - now + monotonic()
        call = job.call
        if type(call) is bytes and len(call) <= SHORT:
            worker.send(job.number, deadline, call, job.split)
        else:
            worker.send_large(job.number, deadline, call, job.split)

    def on_replies(self, slot: Slot, replies: list[Reply]) -> None:
        now = self._now()
        jobs = slot.jobs
        ended = 0
        for reply in replies:
            number, end, _, seconds, _ = reply
            if not jobs or jobs[0].number != number:
                continue  # no answer to what was asked: it comes from a process that a job has left behind
            job = jobs.popleft()
            ended += 1
            if end == EXPIRED:
                job.tally.timed_out += 1
            else:
                job.tally.complete(job.entered - job.arrived, seconds)
                self._busy_seconds += seconds
            if job.caller is not None:
                job.reply = reply
                reschedule(job.caller, job)  # type: ignore[arg-type]  # see `Job`
            if jobs:
                jobs[0].entered = now
        self._in_flight -= ended
        slot.served += ended
        if jobs:
            slot.run_due = due = now + jobs[0].run_limit
            if due < self.alarm.due:
                self.alarm.at(due)
        elif ended:
            self.busy -= 1
            slot.run_due = math.inf
        slot.interrupted = False
        self.budget.proved()
        self._refill(slot, now)

    def _refill(self, slot: Slot, now: float) -> None:
        """Give a worker what it may have now; when there is nothing, it is idle."""
        jobs = slot.jobs
        if slot.retiring or (self._wears_out and self.is_spent(slot, now)):
            if not jobs:
                slot.end_worker()
            return
        if not jobs and (first := self._next(now)) is not None:
            self._send(slot, first, now)
        if self.room.count and jobs and jobs[0].brief and not self._held:
            while len(jobs) < self._ahead and (job := self._take(now)) is not None:
                if not job.brief:
                    self._held.append(job)
                    break
                self._send(slot, job, now)
        if not jobs and not self._steal(slot, now):
            slot.idle_since = now
            self.idle.append(slot)

    def _next(self, now: float) -> Job | None:
        while self._held:
            job = self._held.popleft()
            if job.deadline > now:
                return job
            self._time_out(job)
        return self._take(now)

    def _take(self, now: float) -> Job | None:
        refusals = self._refusals
        job = self.room.take(now, refusals)
        while refusals:
            refused, error = refusals.pop()
            refused.fail(error)
        return job

    def _steal(self, slot: Slot, now: float) -> bool:
        """Take a job back that another worker has not begun, for this one is idle."""
        for other in self.slots:
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
            self.busy -= 1
            slot.run_due = math.inf

    def _reclaim(self, slot: Slot, now: float) -> None:
        """Take everything back that a worker has not begun, and decide anew who is to have it.

        Not a large call: its packet could be had, but not the rest, which would then be taken for the next one's. It is
        always alone with its worker, for nothing is sent ahead behind it.
        """
        if slot.worker is not None and not (slot.jobs and len(slot.jobs[0].call) > SHORT):
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
                job.timed_out = False  # its worker hung before it had begun
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
                self.room.remove(job, trio.current_time())
        elif slot.jobs[0] is not job:
            now = trio.current_time()
            self._reclaim(slot, now)
            self._spread(now)
        elif self.limits.on_cancel == "stop":
            slot.run_due = trio.current_time()
            self.alarm.at(slot.run_due)

    def _spread(self, now: float) -> None:
        """Jobs were taken back: idle workers take them, or their own worker has them again."""
        while self._held and self.idle:
            slot = self.idle.pop()
            self._refill(slot, now)
        for slot in self.slots:
            while self._held and slot.jobs and self._may_follow(slot) and self._held[0].brief:
                self._send(slot, self._held.popleft(), now)
            if slot.ready and not slot.jobs and not slot.retiring and slot not in self.idle:
                self._refill(slot, now)

    def _ring(self, now: float) -> float:
        """What is due: waits that are over, jobs that run too long. Returns when to look again."""
        expired: list[Refusal[Job]] = []
        self.room.expire(now, expired)
        for job, error in expired:
            job.fail(error)
        for job in [job for job in self._held if job.deadline <= now]:
            self._held.remove(job)
            self._time_out(job)
        for slot in self.slots:
            if slot.run_due <= now:
                self._end_running(slot, now)
            if any(job.deadline <= now for job in itertools.islice(slot.jobs, 1, None)):
                self._reclaim(slot, now)
        self._spread(now)
        deadlines = [self.room.next_deadline(), *(job.deadline for job in self._held)]
        for slot in self.slots:
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

    def on_ready(self, slot: Slot) -> None:
        now = trio.current_time()
        slot.since = now
        self._change_ready(+1, now)
        self._refill(slot, now)

    def on_leaving(self, slot: Slot) -> None:
        """A worker has died, or has to; its jobs are still with it."""
        self._change_ready(-1, trio.current_time())
        if slot in self.idle:
            self.idle.remove(slot)

    def on_gone(self, slot: Slot, unread: set[int], code: int) -> None:
        """A worker has ended, wanted or not. Jobs that it had not begun are given to others; the one it ran has failed."""
        now = trio.current_time()
        self._put_back(slot, unread, now)
        useless = slot.served == 0 and now - slot.since < self.limits.restart.pace
        if useless and not slot.jobs and not slot.wanted_to_end and not self.closing.is_set():
            self.budget.died(now, slot.started)  # and no job can have been the reason
        while slot.jobs:
            job = slot.jobs[0]
            self._detach(slot, job)
            job.tally.complete(job.entered - job.arrived, now - job.entered)
            job.fail(job.loss(code, closed=self.closing.is_set()))
        if self.ready == 0 and self.budget.open:
            self._refuse_waiting(now)
        self._spread(now)

    def _refuse_waiting(self, now: float) -> None:
        retry_after = max(1.0, self.budget.next_start(now) - now)
        while (job := self._next(now)) is not None:
            job.tally.rejected += 1
            job.fail(RestartLimitReached(self.name, retry_after=retry_after))

    def _change_ready(self, change: int, now: float) -> None:
        self._offered_seconds += (now - self._changed) * self.ready
        self._changed = now
        self.ready += change

    def is_spent(self, slot: Slot, now: float) -> bool:
        limits = self.limits
        return (limits.max_jobs is not None and slot.served >= limits.max_jobs) or (
            limits.max_age is not None and now - slot.since >= limits.max_age
        )

    def close(self) -> None:
        """Refuse who waits and who comes; idle workers end now, busy ones after their job."""
        self.closing.set()
        closed = trio.ClosedResourceError(f"{self.name} was closed")
        now = trio.current_time()
        for job in self.room.clear():
            job.fail(closed)
        while self._held:
            job = self._held.popleft()
            job.tally.cancelled += 1
            job.fail(closed)
        for slot in self.slots:
            self._reclaim(slot, now)
            slot.retiring = True
            if slot.worker is not None:
                slot.worker.ask_to_end()

    def utilization(self, now: float) -> float:
        """The share of the time of ready workers in which they ran jobs."""
        self._change_ready(0, now)
        running = sum(now - slot.jobs[0].entered for slot in self.slots if slot.jobs)
        return min(1.0, (self._busy_seconds + running) / self._offered_seconds) if self._offered_seconds else 0.0
