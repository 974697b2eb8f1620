"""A pool without processes, tasks or time: the real dispatcher and driver, with workers that do what a test tells them.

`House` is the pool. Its clock stands still until `House.pass_time`; its workers begin and end jobs, answer, and die only
when they are told to. What has happened to a caller is in `House.told`, in words.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import count, islice
from typing import Any

from trio_lab.admission.deadline import Deadline
from trio_lab.errors import Closed
from trio_lab.pools.dispatch import Dispatcher
from trio_lab.pools.driver import Driver
from trio_lab.pools.job import Job
from trio_lab.pools.limits import PoolLimits
from trio_lab.pools.slot import Slot, State
from trio_lab.worker.frames import CANCELLED, EXPIRED, RETURNED_NONE, Reply
from trio_lab.worker.frames import SHORT as FITS

SHORT = "short"  # the kind of job that is sent ahead


class FakeWorker:
    """A worker process and its pipes. ``pipe`` is how many jobs the pipe to it takes."""

    def __init__(self, pid: int, house: House, pipe: int) -> None:
        self.pid = pid
        self.house = house
        self.pipe = pipe
        self.unread: deque[tuple[int, float]] = deque()
        self.running: int | None = None
        self.begun_at = 0.0
        self.replies: list[Reply] = []
        self.ran: list[int] = []
        self.asked: list[int] = []  # the jobs that were to be interrupted
        self.asked_at: dict[int, float] = {}
        self.received = self.seen = 0  # bytes of a reply that is not whole yet; as many the pool has seen
        self.replying = False  # it has seen more of them at its last look
        self.killed = self.ending = False
        self.ending_at = math.inf

    # What the pool sees.

    def send(self, number: int, deadline: float, call: object, split: int) -> bool:
        assert not self.ending, "a job for a worker that is asked to end"
        assert not self.killed, "a job for a worker that is killed"
        self.house.check_given(number)
        if len(self.unread) >= self.pipe:
            return False
        self.unread.append((number, deadline))
        return True

    def take_back(self) -> int | None:
        if not self.unread:
            return None
        number, deadline = self.unread.popleft()
        if deadline == math.inf:
            self.house.displaced.add(number)
        return number

    def read(self) -> list[Reply] | None:
        replies, self.replies = self.replies, []
        return replies or None

    def read_all(self) -> tuple[list[Reply], int]:
        self.replying, self.seen = self.received not in (0, self.seen), self.received
        return self.read() or [], self.received

    def interrupt(self, job: int) -> None:
        assert not self.replies, "a job is to be ended, and there are unread replies"
        assert not self.replying, "a job is to be ended whose reply is coming"
        assert self.running == job or self.running is None, "not the job that runs"
        assert self.house.may_be_ended(job), "before its time"
        self.asked.append(job)
        self.asked_at[job] = self.house.now

    def kill(self) -> None:
        assert not self.replies, "a worker is to be killed, and there are unread replies"
        assert not self.replying, "a worker is to be killed whose reply is coming"
        if self.running is not None:
            asked_at = self.asked_at.get(self.running, math.inf)
            assert self.house.now >= asked_at + 0.2 - 1e-9, "a job that was not asked to end, or had no time to"
        elif self.ending:
            assert self.house.now >= self.ending_at + 1.0 - 1e-9, "a worker that had time to end"
        self.killed = True

    def ask_to_end(self) -> None:
        assert not self.ending, "it is asked twice"
        assert self.running is None
        assert not self.unread
        self.ending = True
        self.ending_at = self.house.now

    # What a test tells it to do.

    def begin(self) -> bool:
        """Read the next job and run it; jobs that are too late are answered so. False when there is none."""
        assert self.running is None
        while self.unread:
            number, deadline = self.unread.popleft()
            if self.house.now < deadline:
                self.house.check_wanted(number)
                self.running, self.begun_at = number, self.house.now
                self.ran.append(number)
                return True
            self._reply(number, EXPIRED, 0.0)
        return False

    def end(self, seconds: float | None = None, end: int = RETURNED_NONE) -> None:
        """End the job it runs, or the next that it reads."""
        if self.running is not None or self.begin():
            assert self.running is not None
            self._reply(self.running, end, self.house.now - self.begun_at if seconds is None else seconds)
            self.running, self.received = None, 0

    def obey(self) -> None:
        """End the running job if that is what it was asked to do. An interrupt for another job is ignored."""
        if self.running is not None and self.running in self.asked:
            self.end(end=CANCELLED)

    def _reply(self, number: int, end: int, seconds: float) -> None:
        self.replies.append((number, end, self.begun_at, seconds, b""))


class House:
    """A pool of fake workers. ``pipe`` is how many jobs the pipe to each takes; ``in_order`` says that they are served in
    the order in which they come."""

    def __init__(
        self, *, discipline: Any = None, in_order: bool = False, ready: bool = True, pipe: int = 16, **limits: Any
    ) -> None:
        self.now = 100.0
        self.pipe = pipe
        self.in_order = in_order
        self.displaced: set[int] = set()  # jobs that had a place and were taken back during this event
        self.ran: set[int] = set()  # jobs that a worker has begun
        self.told: dict[str, str] = {}
        self.jobs: dict[str, Job] = {}
        self.starting: list[Slot] = []
        self.rings_at = math.inf
        self.all_ready = 0
        self.pids = 0
        self.limits = PoolLimits(**limits)
        self.dispatcher = Dispatcher("pool", self.limits, "fifo" if in_order else discipline, Closed)
        self.staff = self.dispatcher.staff
        self.slots = self.staff.slots
        self.driver = Driver(
            self.dispatcher,
            wake=self._wake,
            start=self.starting.append,
            ring_at=self._ring_at,
            all_ready=self._on_all_ready,
            clock=lambda: self.now,
        )
        self.resize(self.limits.min_size or self.limits.size)
        if ready:
            self.start_all()

    def _wake(self, caller: str, job: Job) -> None:
        assert caller not in self.told, f"{caller} is told twice"
        assert "pool" in str(getattr(job.error, "queue", "pool")), "an error names the pool"
        try:
            job.unwrap()
            self.told[caller] = "returned"
        except Exception as error:
            self.told[caller] = type(error).__name__
        match self.told[caller]:
            case "QueueTimeout":
                assert job.patience is not None
                assert self.now >= job.arrived + job.patience
                assert job.number not in self.ran, "a job that was begun does not expire"
                assert job.number not in self.displaced or not self.staff.idle, "it had its place"
            case "RunTimeout":
                assert self.now >= job.ends_at
            case "BrokenWorkerError":
                assert job.number in self.ran

    def untold(self) -> list[tuple[str, Job]]:
        """Callers that wait for the end of their jobs."""
        return [(name, job) for name, job in self.jobs.items() if name not in self.told]

    def _job(self, number: int) -> Job:
        return next(job for job in self.jobs.values() if job.number == number)

    def may_be_ended(self, number: int) -> bool:
        job = self._job(number)
        return self.now >= job.ends_at or (job.caller is None and self.limits.on_cancel == "stop")

    def check_wanted(self, number: int) -> None:
        """A worker begins this job. It is of no use any more if its caller has left; only large ones cannot be taken back."""
        job = self._job(number)
        assert job.caller is not None or len(job.call) > FITS, "nobody waits for this job"
        self.ran.add(number)

    def check_given(self, number: int) -> None:
        """This job is given to a worker. Its time is not over, and no job that came before it waits."""
        job = self._job(number)
        if job.patience is not None and number not in self.displaced and self.now > job.arrived:
            assert self.now < job.arrived + job.patience, "a job is given to a worker when its time is over"
        if self.in_order:
            backlog = self.dispatcher.backlog
            waiting = [*backlog.held, *islice(backlog.room._queue._entries, 1)]  # type: ignore[attr-defined]
            assert all(job.arrived <= other.arrived for other in waiting), "a job is overtaken by a later one"

    def _ring_at(self, when: float) -> None:
        self.rings_at = when

    def _on_all_ready(self) -> None:
        self.all_ready += 1

    def done(self) -> None:
        self.driver.carry_out(self.now)
        self.displaced.clear()

    # Callers.

    def submit(
        self,
        name: str,
        kind: str = "long",
        *,
        priority: int = 0,
        queue_timeout: float | None = None,
        run_timeout: float | None = None,
        deadline: Deadline | None = None,
        call: bytes = b"",
    ) -> str:
        """A caller comes with a job, both of this name. Returns what it is told at once, if anything."""
        try:
            self.jobs[name] = self.dispatcher.submit(
                self.submit, (call, 0), queue_timeout, run_timeout, kind, priority, name, self.now, deadline
            )
        except Exception as error:
            self.told[name] = type(error).__name__
        self.done()
        return self.told.get(name, "")

    def learn_short(self, kind: str = SHORT) -> None:
        """Jobs of this kind have been short so far."""
        self.dispatcher.tallies[kind].recent = 1e-6

    def cancel(self, name: str) -> None:
        assert name not in self.told
        self.told[name] = "left"
        self.dispatcher.abandon(self.jobs[name], self.now)
        self.done()

    # Workers.

    def worker(self, slot: int = 0) -> FakeWorker:
        worker = self.slots[slot].worker
        assert isinstance(worker, FakeWorker)
        return worker

    def workers(self) -> list[FakeWorker]:
        return [slot.worker for slot in self.slots if isinstance(slot.worker, FakeWorker)]

    def spawn(self, slot: Slot) -> None:
        """The process that was to be started here exists now."""
        self.starting.remove(slot)
        self.pids += 1
        self.staff.on_started(slot, FakeWorker(self.pids, self, self.pipe), self.now)
        self.done()

    def fail_spawn(self, slot: Slot) -> None:
        self.starting.remove(slot)
        self.staff.lose(slot, self.now)
        self.dispatcher.on_gone(slot, (), 0, self.now)
        self.done()

    def ready(self, slot: Slot) -> None:
        self.dispatcher.on_ready(slot, self.now)
        self.done()

    def start_all(self) -> None:
        """All processes that were to be started are, and are ready."""
        for slot in list(self.starting):
            self.spawn(slot)
            self.ready(slot)

    def answer(self, slot: int = 0) -> None:
        """The replies of this worker are read."""
        replies = self.worker(slot).read()
        if replies:
            self.dispatcher.on_replies(self.slots[slot], replies, self.now)
            self.done()

    def end_job(self, slot: int = 0, seconds: float | None = None) -> None:
        """The worker ends the job it runs, and its reply is read."""
        self.worker(slot).end(seconds)
        self.answer(slot)

    def die(self, slot: int = 0, code: int | None = -9) -> None:
        """The process dies, and all that its attendant does about it happens."""
        place, worker = self.slots[slot], self.worker(slot)
        self.staff.lose(place, self.now)
        self.dispatcher.on_replies(place, worker.read_all()[0], self.now)
        self.done()
        unread = set(iter(worker.take_back, None))
        self.dispatcher.on_gone(place, unread, code, self.now)
        self.done()

    # Time.

    def pass_time(self, seconds: float) -> None:
        """Time passes, and the alarm rings whenever it has to."""
        until = self.now + seconds
        for rings in count():
            if self.rings_at > until:
                break
            assert rings < 1000, "the alarm rings without end"
            self.now = max(self.now, self.rings_at)
            self.ring()
        self.now = until

    def ring(self) -> None:
        self.rings_at = math.inf
        self.driver.ring(self.now)
        self.displaced.clear()

    def block(self, seconds: float) -> None:
        """Time passes in which the event loop does nothing."""
        self.now += seconds

    # The pool.

    def resize(self, size: int) -> None:
        self.staff.resize(size, self.now)
        self.done()

    def keep_house(self, *too_large: int) -> None:
        """Housekeeping, which finds that the workers in these slots hold too much memory."""
        self.staff.keep_house(self.dispatcher.waiting, [self.slots[n] for n in too_large], self.now)
        self.done()

    def close(self) -> None:
        self.dispatcher.close(self.now)
        self.done()

    @property
    def states(self) -> list[State]:
        return [slot.state for slot in self.slots]

    def with_worker(self, slot: int = 0) -> str:
        """The names of the jobs that are with a worker, in order."""
        return " ".join(name for job in self.slots[slot].jobs for name, known in self.jobs.items() if known is job)
