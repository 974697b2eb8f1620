"""One worker's place in a pool: the state it is in, and the jobs that are with its worker.

Pure: no process, no event loop; the time is an argument. A worker is born, works and dies as this table says, and a
transition that is not in it is an error:

    vacant    ─► starting                     a worker is wanted here, and the restart policy allows it
    starting  ─► idle, retiring, lost         it is ready / has become one too many / died, hung or could not be started
    idle      ─► busy, retiring, lost
    busy      ─► idle, retiring, lost
    retiring  ─► vacant                       it has ended, as it was asked to
    lost      ─► starting, vacant             its process is gone, and another is started / none is wanted any more

Only the methods here change a slot. What they return is for the dispatcher to act upon.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from enum import StrEnum
from math import inf

from ..admission.disciplines import Learner
from ..errors import QueueTimeout
from ..worker.frames import EXPIRED, Reply
from .actions import Actions
from .job import Job, Worker


class State(StrEnum):
    VACANT = "vacant"
    """No process: none is wanted, or none has been started yet."""
    STARTING = "starting"
    """A process is being started, or has not said yet that it is ready."""
    IDLE = "idle"
    BUSY = "busy"
    RETIRING = "retiring"
    """It gets no more jobs, and ends after those it has because we ask it to: its death is not a crash."""
    LOST = "lost"
    """It died unasked, or was killed, or could not be started. The jobs with it are settled when its process is gone."""


_NEXT: dict[State, tuple[State, ...]] = {
    State.VACANT: (State.STARTING,),
    State.STARTING: (State.IDLE, State.RETIRING, State.LOST),
    State.IDLE: (State.BUSY, State.RETIRING, State.LOST),
    State.BUSY: (State.IDLE, State.RETIRING, State.LOST),
    State.RETIRING: (State.VACANT,),
    State.LOST: (State.STARTING, State.VACANT),
}
LONG = 2e-3  # seconds; when a job has run for this, what was sent ahead behind it goes to other workers
_IDLE, _BUSY = State.IDLE, State.BUSY  # looked up for every job


class WrongTransition(RuntimeError):
    """The pool itself is at fault: it asked a slot for something that its state does not allow."""


class Slot:
    """Place ``number`` of the pool with this name. Its worker may have ``ahead`` jobs at a time, and ``max_jobs`` in all.
    ``learner`` is told how the jobs of callers that are still there end."""

    def __init__(
        self,
        pool: str,
        number: int,
        actions: Actions,
        *,
        ahead: int,
        max_jobs: int | None,
        learner: Learner | None = None,
    ) -> None:
        self._pool = pool
        self._actions = actions
        self._learner = learner
        self._ahead = ahead
        self._max_jobs = max_jobs
        self.number = number
        self.state = State.VACANT
        self.wanted = False
        """Whether a worker is to live here."""
        self.worker: Worker | None = None
        """The process, from its start until it is reaped."""
        self.jobs: deque[Job] = deque()
        """Jobs given to the worker, oldest first. The first is running, or about to."""
        self.busy_seconds = 0.0
        """How long all jobs ran that have ended here, or were lost with their workers."""
        self._renew(0.0)

    def _renew(self, now: float) -> None:
        self.started = now
        """When the start of its worker was granted."""
        self.since = inf
        """When the worker became ready; infinite before."""
        self.idle_since = now
        self.served = 0
        self.due = inf
        """When to look at the worker: its job will have run too long, or it ought to have ended."""
        self.interrupted = False
        """Whether the running job has been asked to end."""
        self.ending = False
        """Whether the worker has been asked to end."""
        self._deaf = 0.0  # for how long the worker has let its jobs lie unread, since it last ended one
        self._deaf_since = 0  # how many it had ended then
        self._received = (0, 0)  # at the last look: how many jobs had ended, and bytes of the next reply
        self._holds = self._ahead  # jobs that the worker's pipe takes
        self._set_limit()

    def _set_limit(self) -> None:
        self.limit = self._holds if self._max_jobs is None else min(self._holds, self._max_jobs - self.served)
        """How many jobs may be with the worker at a time; 0 when it has run all that it may."""

    def __repr__(self) -> str:
        return f"<Slot {self.number} {self.state}, {len(self.jobs)} jobs>"

    @property
    def takes_jobs(self) -> bool:
        return self.state in (_IDLE, _BUSY)

    @property
    def is_empty(self) -> bool:
        """No process is here, and none is being started."""
        return self.worker is None and self.state in (State.VACANT, State.LOST)

    @property
    def ahead(self) -> int:
        """How many of its jobs were sent ahead, and wait."""
        return max(0, len(self.jobs) - 1)

    def may_follow(self, now: float) -> bool:
        """Whether a short job may be sent ahead, behind those that are with the worker."""
        jobs = self.jobs
        return self.state is _BUSY and 0 < len(jobs) < self.limit and jobs[0].brief and now - jobs[0].entered < LONG

    @property
    def may_give_back(self) -> bool:
        """Whether jobs were sent ahead that another worker could run."""
        return len(self.jobs) > 1 and self.state is not State.LOST

    def is_late(self, now: float) -> bool:
        """Whether jobs were sent ahead behind one that has run for long."""
        return self.may_give_back and now - self.jobs[0].entered >= LONG

    def _move(self, to: State) -> None:
        if to not in _NEXT[self.state]:
            raise WrongTransition(f"{self!r} cannot become {to}")
        self.state = to

    def want(self, wanted: bool) -> None:
        self.wanted = wanted
        if not wanted and self.is_empty:
            self._vacate()

    def _vacate(self) -> None:
        if self.state is not State.VACANT:
            self._move(State.VACANT)

    # A worker's life.

    def start(self, now: float) -> None:
        """A process is being started here."""
        self._move(State.STARTING)
        self._renew(now)

    def occupy(self, worker: Worker) -> None:
        """The process exists."""
        if self.worker is not None or self.state not in (State.STARTING, State.RETIRING):
            raise WrongTransition(f"{self!r} has a worker already, or did not ask for one")
        self.worker = worker

    def ready(self, now: float) -> None:
        self._move(_IDLE)
        self.since = self.idle_since = now

    def retire(self) -> None:
        """No more jobs for this worker; it is to end after those it has."""
        self._move(State.RETIRING)

    def end_by(self, when: float) -> None:
        """It has been asked to end, and has until then."""
        self.ending = True
        self.due = when

    def lose(self) -> None:
        """The worker is dead, or will be at once."""
        self._move(State.LOST)
        self.due = inf

    def clear(self, now: float) -> list[Job]:
        """The process is gone. Returns the jobs that went with it."""
        lost = list(self.jobs)
        if lost:
            self.busy_seconds += now - lost[0].entered
        self._actions.sent_ahead -= self.ahead
        self.jobs.clear()
        self.worker = None
        self.due = inf
        if self.state is not State.LOST or not self.wanted:
            self._vacate()
        return lost

    # Its jobs.

    def take(self, job: Job, now: float) -> None:
        """The job is the worker's now, and is sent to it: to be run at once, or ahead."""
        actions, jobs = self._actions, self.jobs
        if jobs:
            if self.state is not _BUSY:
                raise WrongTransition(f"{self!r} takes no jobs")
            actions.sent_ahead += 1
            due = job.deadline
        else:
            if self.state is not _BUSY:
                self._move(_BUSY)
            job.deadline = inf  # it has got its place
            job.entered = now
            self.due = due = min(now + job.run_limit, job.ends_by)
        job.worker = self.worker
        if not job.number:
            job.number = next(actions.numbers)
        jobs.append(job)
        actions.send.append(job)
        if due < actions.due:
            actions.due = due

    def end(self, replies: Iterable[Reply], now: float) -> int:
        """Jobs that these replies end: they are counted, and their callers woken. Returns their number.

        A reply to anything else comes from a process that a job has left behind.
        """
        actions, jobs, learner = self._actions, self.jobs, self._learner
        before = len(jobs)
        for reply in replies:
            number, end, _, seconds, _ = reply
            if not jobs or jobs[0].number != number:
                continue
            job = jobs.popleft()
            job.reply = reply
            if end == EXPIRED:
                job.tally.timed_out += 1
                job.error = QueueTimeout(self._pool)
            else:
                job.tally.complete(job.entered - job.arrived, seconds)
                self.busy_seconds += seconds
            if job.caller is not None:
                actions.wake.append(job)
                if learner is not None:
                    if end == EXPIRED:
                        learner.stayed(job, now)
                    else:
                        learner.served(job, now, seconds)
            elif learner is not None and end != EXPIRED:
                learner.ran(job, seconds)
            if jobs:
                jobs[0].entered = now
        ended = before - len(jobs)
        if ended:
            actions.sent_ahead -= before - (len(jobs) or 1)
            self.served += ended
            self.interrupted = False
            if jobs:
                self.due = due = min(now + jobs[0].run_limit, jobs[0].ends_by)
                if due < actions.due:
                    actions.due = due
            else:
                self.due = inf
            if self._max_jobs is not None:
                self._set_limit()
        return ended

    def give_back(self, numbers: Collection[int], now: float) -> list[Job]:
        """Jobs that the worker will not read: they were taken out of its pipe. Oldest first."""
        back = [job for job in self.jobs if job.number in numbers]
        if back:
            first, ahead = self.jobs[0], self.ahead
            for job in back:
                self.jobs.remove(job)
                job.withdraw()
            self._actions.sent_ahead -= ahead - self.ahead
            if first in back:
                self._renew_head(first, now)
        return back

    def _renew_head(self, before: Job, now: float) -> None:
        """The first job was taken back: it leaves its limit to nobody. If there is a next, the worker has begun that."""
        self.interrupted = False
        self.due = inf
        if self.jobs:
            self.jobs[0].entered = now
            self.due = self.jobs[0].ends_at
            self._actions.at(self.due)
        else:
            if self._deaf_since != self.served:
                self._deaf, self._deaf_since = 0.0, self.served
            self._deaf += now - before.entered

    def is_deaf(self, patience: float) -> bool:
        """Whether the worker reads no jobs: it has let them lie for this long, and ended none meanwhile."""
        return self._deaf_since == self.served and self._deaf >= patience

    def rest(self, now: float) -> None:
        """Nothing is left to do."""
        self._move(_IDLE)
        self.idle_since = now

    def is_replying(self, received: int, until: float) -> bool:
        """Whether more of a reply has come since the last look, ``received`` bytes of it in all. Then its job is over, and
        the rest has until then to come."""
        before, self._received = self._received, (self.served, received)
        if not received or before == self._received:
            return False
        self.due = until
        return True

    def interrupt(self, until: float) -> Job:
        """The running job is asked to end, and has until then. Returns it."""
        self.interrupted = True
        self.due = until
        self.jobs[0].timed_out = True
        return self.jobs[0]

    def put_off(self, until: float) -> None:
        """The running job was asked to end, and may go on until then."""
        self.due = until

    def hold_no_more(self) -> None:
        """The worker's pipe is full: it gets no more jobs at a time than are with it now."""
        self._holds = max(1, len(self.jobs))
        self._set_limit()
