"""Which job goes to which worker, and when. Pure: every method is told what has happened and when, and puts what is to
be done about it into `Actions`.

A job goes to an idle worker, or waits in the waiting room; a worker that has ended a job takes the next.

Short jobs are sent ahead: a worker that runs jobs of less than a fifth of a millisecond gets up to four at a time, so
that it need not wait for the loop between two of them. A job that was sent ahead still waits: it counts as waiting, its
deadline goes with it, and as long as its worker has not read it, it is taken back when another worker is idle, when its
caller leaves or when its time is up. It is also taken back when another worker ends a job while the one before it runs
long. So no job stands behind a long one while a worker is free, and none is overtaken by later ones for more than some
milliseconds. What was taken back is next.

A job that was given to a free worker has its place, and its queue timeout is over. If its worker does not read it, and it
has to be taken back, it goes to another worker that is free; if there is none, it waits again.

A job belongs to its worker, not to its caller: when the caller is cancelled it leaves at once, and the worker stays busy
until the job has really ended. Anything else would let a pool of two run three jobs.

What is known of a worker may be old: its replies may lie unread while the loop was busy elsewhere. So nothing is done to
a running job before the worker has been looked at (`Verb.LOOK`), and an interrupt names its job.

What is done for every job is kept flat here (`submit`, `on_replies`, `_refill`, `Slot.take`, `Slot.end`): a call more
costs as much as the unpickling of a small argument. docs/bench.md says where the time goes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice
from math import inf
from typing import Any

from ..admission.choice import Chosen
from ..admission.deadline import Deadline
from ..admission.tally import Tallies
from ..errors import BrokenWorkerError, QueueFull, QueueTimeout, RestartLimitReached, RunTimeout
from ..worker.frames import SHORT, Pieces, Reply
from .actions import Actions, Verb
from .backlog import Backlog
from .job import Job
from .limits import PoolLimits, check_timeouts
from .slot import LONG, Slot, State
from .staff import KILL_AFTER, Staff

_BRIEF = 200e-6  # seconds; jobs that run shorter than this are sent ahead
_DEAF_AFTER = 1.0  # seconds that a worker may let jobs lie unread; a crowded machine needs some tens of milliseconds
_BUSY = State.BUSY


class Dispatcher:
    """The jobs of a pool. ``closed`` makes the error for callers of a pool that was closed."""

    def __init__(
        self, name: str, limits: PoolLimits, discipline: Chosen[Job], closed: Callable[[str], Exception]
    ) -> None:
        self.name = name
        self.limits = limits
        self.actions = Actions()
        self.tallies = Tallies()
        self.backlog = Backlog(name, limits.max_queue, discipline, self.tallies, self.actions)
        self.staff = Staff(name, limits, self.actions, self.backlog.room.learner)
        self.slots = self.staff.slots
        self.closing = False
        self.fault = ""
        """Why no worker could be started, empty if one was since; servers tell it to their clients."""
        self._closed = closed
        self._idle = self.staff.idle
        self._budget = self.staff.budget
        self._room = self.backlog.room
        self._held = self.backlog.held
        self._next_patrol = 0.0
        self._queue_timeout = limits.queue_timeout
        self._run_timeout = inf if limits.run_timeout is None else limits.run_timeout
        self._wears_out = limits.max_jobs is not None or limits.max_age is not None

    @property
    def waiting(self) -> int:
        """Jobs that have not begun, wherever they are."""
        return self._room.count + len(self._held) + self.actions.sent_ahead

    @property
    def has_room(self) -> bool:
        """Whether the next job begins or may wait; also if it is refused for another reason than the length of the queue."""
        most = self._room.max_waiting
        return most is None or self.waiting < most or bool(self._idle) or self._budget.open or self.closing

    def turn_away(self, kind: str) -> QueueFull:
        """Count a job for which there is no room as refused; what to tell its caller."""
        tally = self.tallies[kind]
        tally.arrivals += 1
        tally.rejected += 1
        return QueueFull(self.name)

    # What happens to every job.

    def submit(
        self,
        fn: Callable[..., Any],
        call: tuple[bytes | Pieces, int],
        queue_timeout: float | None,
        run_timeout: float | None,
        kind: str | None,
        priority: int,
        caller: object,
        now: float,
        deadline: Deadline | None = None,
    ) -> Job:
        """Admit a job, or refuse it. ``call`` is what `Calls.write` makes of the function and its arguments."""
        if self.closing:
            raise self._closed(f"{self.name} is closed")
        if queue_timeout is not None or run_timeout is not None:
            check_timeouts(queue_timeout, run_timeout)
        if kind is None:
            kind = getattr(fn, "__name__", None) or type(fn).__name__
        wait = self._queue_timeout if queue_timeout is None else queue_timeout
        job = Job(kind, priority, now, wait if deadline is None else deadline.within(wait, now))
        job.ends_by = inf if deadline is None else deadline.at
        job.run_limit = self._run_timeout if run_timeout is None else run_timeout
        (job.call, job.split), job.caller = call, caller
        job.worker = job.reply = job.error = None
        job.timed_out, job.number = False, 0
        tally = job.tally = self.tallies[kind]
        recent = tally.recent
        job.brief = recent is not None and recent < _BRIEF and len(job.call) <= SHORT
        if self._idle:
            self._idle.pop().take(job, now)
            tally.arrivals += 1
        elif self._budget.deaths and self._budget.open and not self.staff.ready:
            tally.arrivals += 1
            tally.rejected += 1
            raise self._no_workers(now)
        elif job.deadline <= now:
            tally.arrivals += 1
            tally.timed_out += 1
            raise QueueTimeout(self.name)
        elif not self._room.count and not self._held and (slot := self._slot_ahead(job, now)) is not None:
            slot.take(job, now)
            tally.arrivals += 1
            if self.actions.sent_ahead > self._room.peak:  # no others wait
                self._room.peak = self.actions.sent_ahead
        else:
            self._room.add(job, self._room.count + len(self._held) + self.actions.sent_ahead)
            if job.deadline < self.actions.due:
                self.actions.due = job.deadline
        return job

    def _slot_ahead(self, job: Job, now: float) -> Slot | None:
        """A busy worker that this job may be sent to before it is free."""
        if not job.brief or (self._room.max_waiting is not None and self.waiting >= self._room.max_waiting):
            return None
        return next((slot for slot in self.slots if slot.may_follow(now)), None)

    def on_replies(self, slot: Slot, replies: Iterable[Reply], now: float) -> None:
        """A worker has ended jobs."""
        if not slot.end(replies, now):
            return
        if self._budget.deaths:
            self._budget.proved()
            self.staff.start_wanted(now)
        if self._wears_out and self.staff.is_spent(slot, now):
            self.staff.retire(slot, now)
        if self.actions.sent_ahead and now >= self._next_patrol and self._patrol(now):
            if slot.state is _BUSY and not slot.jobs:  # it is free for what is found behind a long job: see `_spread`
                slot.rest(now)
                self._idle.append(slot)
        elif slot.state is _BUSY:
            self._refill(slot, now)
        elif slot.state is State.RETIRING:
            self.staff.end(slot, now)

    def _refill(self, slot: Slot, now: float) -> None:
        """Give a busy worker what it may have now; when there is nothing, it is idle."""
        jobs, held, room, backlog = slot.jobs, self._held, self._room, self.backlog
        if not jobs:
            job = backlog.take(now)
            if job is None:
                slot.rest(now)
                self._idle.append(slot)
                if self.actions.sent_ahead:
                    self._steal()
                return
            slot.take(job, now)
        while (room.count or held) and len(jobs) < slot.limit and jobs[0].brief:
            job = backlog.take(now) if held else room.take(now, backlog.refusals)
            if job is None:
                break
            if not job.brief:
                backlog.hold(job)
                break
            slot.take(job, now)
        if backlog.refusals:
            backlog.tell()

    def _no_workers(self, now: float) -> RestartLimitReached:
        pause = self._budget.next_start(now) - now
        return RestartLimitReached(self.name, retry_after=max(1.0, pause), reason=self.fault)

    # Jobs are taken back.

    def _steal(self, after: int = -1) -> None:
        """A worker is idle: if another has a job that it has not read, take it back."""
        if self._idle:
            for slot in islice(self.slots, after + 1, None):
                if slot.may_give_back:
                    self.actions.order(Verb.TAKE_ONE, slot.number)
                    return

    def _patrol(self, now: float) -> bool:
        """A worker is free: look at those that run a job for long, and have others behind it. True if there are any.

        The more there are, the later is the next time: on a crowded machine all jobs run long, and looking brings little.
        """
        late = [slot for slot in self.slots if slot.is_late(now)]
        for slot in late:
            self._look(slot)
        self._next_patrol = now + LONG * (len(late) or 1)
        return bool(late)

    def on_taken(self, slot: Slot, number: int | None, now: float) -> None:
        """The end of `Verb.TAKE_ONE`: the job that was taken back, None when the worker had read them all."""
        if number is None:
            self._steal(after=slot.number)
        else:
            self._hold(slot, (number,), now)
            self._spread(now)

    def on_looked(
        self, slot: Slot, taken: Collection[int], replies: Iterable[Reply], received: int, now: float
    ) -> None:
        """The end of `Verb.LOOK`: the jobs that were taken back, the replies that had come, and what of the next."""
        self._hold(slot, taken, now)
        self.on_replies(slot, replies, now)
        if slot.due <= now or self.staff.is_unwanted(slot):
            if not slot.is_replying(received, now + KILL_AFTER):
                self.staff.end_running(slot, now)
        elif not slot.jobs and slot.state is _BUSY and slot.is_deaf(_DEAF_AFTER):
            self.staff.kill(slot, now)
        self.actions.at(slot.due)
        self._spread(now)

    def _hold(self, slot: Slot, numbers: Collection[int], now: float) -> None:
        """Jobs that were taken back wait again, before all others, unless their time is over."""
        for job in reversed(slot.give_back(numbers, now)):
            if job.caller is None:
                job.tally.give_up(timed_out=job.deadline <= now)
            elif job.deadline <= now:
                self.backlog.time_out(job, now)
            elif self.closing:
                job.tally.cancelled += 1
                self.actions.fail(job, self._closed(f"{self.name} was closed"))
            else:
                self.backlog.hold(job)

    def _spread(self, now: float) -> None:
        """What waits goes to idle workers, and ahead to busy ones."""
        for slot in self.slots:
            if not slot.jobs and slot.state is _BUSY:
                slot.rest(now)
                self._idle.insert(0, slot)  # last of all: it has just not read what it was sent
            elif slot.state is State.RETIRING:
                self.staff.end(slot, now)
        while self._idle and (job := self.backlog.take(now)) is not None:
            self._idle.pop().take(job, now)
        self.backlog.wait_again(now)
        self._room.peak = max(self._room.peak, self.waiting)
        for slot in self.slots:
            if slot.may_follow(now):
                self._refill(slot, now)
        if self.actions.sent_ahead:
            self._steal()

    def abandon(self, job: Job, now: float) -> None:
        """The caller was cancelled."""
        job.caller = None
        self.backlog.caller_left(job, now)
        if job.worker is not None:
            self._look(self._slot_of(job))

    def _look(self, slot: Slot) -> None:
        if slot.worker is not None and slot.state is not State.LOST:
            self.actions.order(Verb.LOOK, slot.number)

    def on_unsent(self, jobs: list[Job], now: float) -> None:
        """The pipes of these jobs' workers were full. They have the jobs sent before, and reply when one has ended."""
        for job in reversed(jobs):
            slot = self._slot_of(job)
            self._hold(slot, (job.number,), now)
            slot.hold_no_more()
            if not slot.jobs:  # not even an empty pipe takes a job
                self.staff.kill(slot, now)
        self._spread(now)

    def _slot_of(self, job: Job) -> Slot:
        return next(slot for slot in self.slots if job in slot.jobs)

    # Time passes.

    def ring(self, now: float) -> None:
        """What is due: waits that are over, jobs that run too long, workers to be started."""
        actions = self.actions
        actions.due = inf
        self.backlog.expire(now)
        for slot in self.slots:
            due = min((slot.due, *(job.deadline for job in islice(slot.jobs, 1, None))))
            if due <= now:
                self._look(slot)
            else:
                actions.at(due)
        self.staff.start_wanted(now)

    # Workers come and go.

    def on_ready(self, slot: Slot, now: float) -> None:
        if slot.state is State.STARTING:
            self.fault = ""
            self.staff.on_ready(slot, now)
            self._spread(now)

    def on_gone(self, slot: Slot, unread: Collection[int], code: int | None, now: float) -> None:
        """A process is gone, or could not be started. What it had not read goes to others; the job it ran has failed."""
        self._hold(slot, unread, now)
        for job in self.staff.on_gone(slot, now):
            job.tally.complete(job.entered - job.arrived, now - job.entered)
            self.actions.fail(job, self._loss(job, code))
        if self._budget.open and not self.staff.ready:
            while (waiting := self.backlog.take(now)) is not None:
                waiting.tally.rejected += 1
                self.actions.fail(waiting, self._no_workers(now))
        self.staff.start_wanted(now)
        self._spread(now)

    def _loss(self, job: Job, code: int | None) -> Exception:
        if job.timed_out:
            return RunTimeout("the job ran into its run timeout; its worker was killed")
        if self.closing:
            return self._closed(f"{self.name} was closed while the job ran")
        how = "" if code is None else f" with signal {-code}" if code < 0 else f" with exit code {code}"
        return BrokenWorkerError(f"the worker died{how}", exit_code=code)

    def close(self, now: float) -> None:
        """Refuse who waits and who comes; idle workers end now, busy ones after their job."""
        self.closing = True
        for job in self.backlog.clear():
            self.actions.fail(job, self._closed(f"{self.name} was closed"))
        self.staff.close(now)
        for slot in self.slots:
            if slot.jobs:
                self._look(slot)
