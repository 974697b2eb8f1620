"""Property: whatever happens to a pool, in whatever order, these rules hold after every step.

Callers come and leave, workers start, read, end, answer, hang and die, the size changes, time passes, with the loop
awake or blocked. `House` checks two rules by itself: no caller is told twice, and no job is sent to a worker that ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trio_lab.admission.disciplines import AdaptiveLifo, ByPriority, CoDel, Fifo, Lifo
from trio_lab.pools.restart import RestartPolicy
from trio_lab.pools.slot import State
from trio_lab.worker.frames import SHORT as FITS

from .fake import SHORT, FakeWorker, House

DISCIPLINES = (Fifo, Lifo, ByPriority, lambda: AdaptiveLifo(2), lambda: CoDel(0.1, 0.5))
ANY = st.integers(0, 63)  # chooses one of those that there are
# What goes on besides, one letter for each thing: workers Start, Begin a job, End one, their replies are Answered; jobs that
# were asked to end Obey, and workers that are to be gone aRe.
LIFE = st.sampled_from(["", "", "S", "SB", "E", "A", "EA", "EAEAB", "EEEA", "O", "R", "OR"])


def happens(**strategies: Any) -> Callable[[Callable[..., None]], Any]:
    """A rule, before which life goes on. Hypothesis leaves some rules out of every run: life is in all of them."""

    def decorate(function: Callable[..., None]) -> Any:
        @rule(life=LIFE, **strategies)
        @wraps(function)
        def happening(self: PoolMachine, life: str, **arguments: Any) -> None:
            for letter in life:
                self.live(letter)
            function(self, **arguments)

        return happening

    return decorate


class PoolMachine(RuleBasedStateMachine):
    house: House

    @initialize(
        size=st.sampled_from([1, 2, 2, 3]),
        grows=st.sampled_from([False, False, True]),
        discipline=st.sampled_from(DISCIPLINES),
        pipe=st.sampled_from([16, 16, 1, 3]),
        limits=st.fixed_dictionaries(
            {
                "max_queue": st.sampled_from([None, None, None, None, 0, 3]),
                "ahead": st.sampled_from([4, 4, 2, 1]),
                "max_jobs": st.sampled_from([None, None, None, 3]),
                "max_age": st.sampled_from([None, None, 4.0]),
                "on_cancel": st.sampled_from(["abandon", "stop"]),
                "idle_timeout": st.sampled_from([1.0, 10.0]),
            }
        ),
    )
    def open(self, size: int, grows: bool, discipline: Any, pipe: int, limits: dict[str, Any]) -> None:
        self.house = House(
            size=size,
            min_size=1 if grows else None,
            discipline=discipline(),
            pipe=pipe,
            restart=RestartPolicy(max_restarts=3, max_seconds=6.0),
            **limits,
        )
        self.house.learn_short()
        self.fifo = discipline is Fifo
        self.names = iter(range(1_000_000))
        self.ran: list[int] = []  # in the order in which jobs were begun
        self.awake = True  # the alarm has rung whenever it was due

    # Callers.

    @happens(
        count=st.sampled_from([1, 3, 6]),
        run_timeout=st.sampled_from([None, None, 0.5]),
        queue_timeout=st.sampled_from([None, 1.0]),
    )
    def submit_short(self, count: int, **limits: float | None) -> None:
        for _ in range(count):
            self.house.submit(str(next(self.names)), SHORT, **limits)

    @happens(
        kind=st.sampled_from([SHORT, "long"]),
        queue_timeout=st.sampled_from([None, None, 0.0, 1.0, 2.5]),
        run_timeout=st.sampled_from([None, 0.5, 1.5]),
        priority=st.integers(0, 1),
        large=st.sampled_from([False, False, False, True]),
    )
    def submit(self, large: bool, **options: Any) -> None:
        self.house.submit(str(next(self.names)), **options, call=b"x" * (FITS + 1) if large else b"")

    @happens(which=ANY)
    def leave(self, which: int) -> None:
        if name := chosen(which, [name for name in self.house.jobs if name not in self.house.told]):
            self.house.cancel(name)

    # Workers.

    def live(self, letter: str) -> None:
        if letter == "S":
            self.house.start_all()
        for slot in self.house.slots:
            self.work(slot.number, letter)

    @happens(which=ANY, letters=st.sampled_from(["B", "E", "EE", "EEE", "A", "EA", "O", "R"]))
    def one_works(self, which: int, letters: str) -> None:
        for letter in letters:
            self.work(which % len(self.house.slots), letter)

    def work(self, number: int, letter: str) -> None:
        worker = self.house.slots[number].worker
        if not isinstance(worker, FakeWorker):
            return
        if letter == "A":
            self.house.answer(number)
        elif letter == "R" and (worker.killed or (worker.ending and worker.running is None)):
            self.house.die(number)
        elif not worker.killed and letter in "BE" and (worker.running is not None or worker.begin()):
            assert worker.running is not None
            if worker.running not in self.ran:
                self.ran.append(worker.running)
            if letter == "E":
                worker.end(1e-6)
        elif letter == "O":
            worker.obey()

    @happens(which=ANY)
    def die(self, which: int) -> None:
        if slot := chosen(which, [slot for slot in self.house.slots if slot.worker is not None]):
            self.house.die(slot.number)

    @happens(which=ANY, how=st.sampled_from(["spawn", "ready", "fail"]))
    def start_one(self, which: int, how: str) -> None:
        starting = [slot for slot in self.house.slots if slot.worker is not None and slot.state is State.STARTING]
        if how == "ready" and starting:
            self.house.ready(chosen(which, starting))
        elif slot := chosen(which, self.house.starting):
            if how == "fail":
                self.house.fail_spawn(slot)
            else:
                self.house.spawn(slot)

    # The pool.

    @happens(size=st.integers(1, 3))
    def resize(self, size: int) -> None:
        if not self.house.dispatcher.closing:
            self.house.resize(min(size, len(self.house.slots)))

    @happens(which=ANY, large=st.sampled_from([False, False, True]))
    def keep_house(self, which: int, large: bool) -> None:
        self.house.keep_house(*[which % len(self.house.slots)] * large)

    @precondition(lambda self: len(self.house.told) > 40)
    @happens()
    def close(self) -> None:
        if not self.house.dispatcher.closing:
            self.house.close()

    @happens(seconds=st.sampled_from([0.05, 0.25, 0.5, 1.0, 3.0]))
    def pass_time(self, seconds: float) -> None:
        if not self.awake:
            self.house.ring()
        self.awake = True
        self.house.pass_time(seconds)

    @happens(seconds=st.sampled_from([0.25, 1.0]))
    def block(self, seconds: float) -> None:
        self.house.block(seconds)
        self.awake = False

    # What always holds.

    @invariant()
    def the_counts_add_up(self) -> None:
        d = self.house.dispatcher
        assert d.waiting == d.backlog.room.count + len(d.backlog.held) + sum(
            max(0, len(slot.jobs) - 1) for slot in d.slots
        )
        total = d.tallies.total()
        assert total.arrivals == total.ended + self.house.staff.busy + d.waiting

    @invariant()
    def every_job_is_in_one_place(self) -> None:
        d = self.house.dispatcher
        places = [job for slot in d.slots for job in slot.jobs] + list(d.backlog.held)
        assert len(places) == len(set(places))
        for name, job in self.house.jobs.items():
            if name not in self.house.told:
                waits = job.worker is None and job not in d.backlog.held
                assert (job in places) != waits, name
        for slot in d.slots:
            assert all(job.worker is slot.worker for job in slot.jobs)
        assert not d.actions.wake
        assert not d.actions.send
        assert not d.actions.orders

    @invariant()
    def a_worker_has_the_jobs_that_its_slot_says(self) -> None:
        for slot in self.house.slots:
            worker = slot.worker
            numbers = [job.number for job in slot.jobs]
            if isinstance(worker, FakeWorker):
                running = [] if worker.running is None else [worker.running]
                answered = [reply[0] for reply in worker.replies]
                assert answered + running + [number for number, _ in worker.unread] == numbers
            else:
                assert numbers == []

    @invariant()
    def nobody_waits_while_a_worker_is_idle(self) -> None:
        d = self.house.dispatcher
        if any(slot.state is State.IDLE for slot in d.slots):
            assert not d.backlog.room.count
            assert not d.backlog.held
            for slot in d.slots:
                if len(slot.jobs) > 1 and slot.state is not State.LOST:
                    assert not self.house.worker(slot.number).unread

    @invariant()
    def short_jobs_do_not_wait_for_a_worker_that_could_have_them(self) -> None:
        d = self.house.dispatcher
        head = d.backlog.held[0] if d.backlog.held else None
        if head is not None and head.brief:
            assert not any(slot.may_follow for slot in d.slots)

    @invariant()
    def limits_hold(self) -> None:
        house, limits = self.house, self.house.limits
        if limits.max_queue is not None:  # what a worker did not read comes back, above the bound
            assert house.dispatcher.backlog.room.count <= limits.max_queue
        for slot in house.slots:
            assert len(slot.jobs) <= limits.ahead
            if limits.max_jobs is not None:
                assert slot.served + len(slot.jobs) <= limits.max_jobs
            assert all(job.brief for job in list(slot.jobs)[:-1] if len(slot.jobs) > 1)
        assert sum(slot.state in (State.STARTING, State.IDLE, State.BUSY) for slot in house.slots) <= house.staff.size
        assert house.staff.size >= 1 or house.dispatcher.closing

    @invariant()
    def states_are_what_they_say(self) -> None:
        house = self.house
        assert set(house.staff.idle) == {slot for slot in house.slots if slot.state is State.IDLE}
        assert len(house.staff.idle) == len(set(house.staff.idle))
        for slot in house.slots:
            match slot.state:
                case State.IDLE:
                    assert slot.worker is not None
                    assert not slot.jobs
                    assert slot.due == math.inf
                case State.BUSY:
                    assert slot.worker is not None
                    assert slot.jobs
                case State.VACANT:
                    assert slot.worker is None
                    assert not slot.jobs
                case State.STARTING:
                    assert not slot.jobs
                    assert (slot.worker is not None) != (slot in house.starting)
                case State.RETIRING if slot.worker is not None and not slot.jobs:
                    assert house.worker(slot.number).ending or house.worker(slot.number).killed

    @invariant()
    def nobody_is_ended_before_its_time(self) -> None:
        for name, told in self.house.told.items():
            job = self.house.jobs.get(name)
            if job is None:
                continue
            if told == "BrokenWorkerError":
                assert job.number in self.ran
            if told == "RunTimeout":
                assert self.house.now >= job.entered + job.run_limit
            if told == "QueueTimeout":
                assert job.patience is not None
                assert self.house.now >= job.arrived + job.patience
        for slot in self.house.slots:
            for number in self.house.worker(slot.number).asked if slot.worker is not None else ():
                job = next(job for job in self.house.jobs.values() if job.number == number)
                over = self.house.now >= job.entered + job.run_limit
                assert over or (job.caller is None and self.house.limits.on_cancel == "stop")

    @invariant()
    def the_alarm_is_set_for_all_that_becomes_due(self) -> None:
        d, now = self.house.dispatcher, self.house.now
        alarm = self.house.rings_at
        assert alarm <= d.backlog.room.next_deadline()
        for job in d.backlog.held:
            assert alarm <= job.deadline
        for slot in d.slots:
            if slot.state is State.LOST:
                continue
            unread = {number for number, _ in self.house.worker(slot.number).unread} if slot.worker else set()
            assert alarm <= slot.due or slot.due <= now
            assert all(alarm <= job.deadline for job in list(slot.jobs)[1:] if job.number in unread)
        if any(slot.wanted and slot.is_empty for slot in d.slots):
            assert alarm <= max(now, self.house.staff.budget.next_start(now))
        if self.awake:
            assert alarm >= now

    @invariant()
    def every_job_keeps_its_own_times(self) -> None:
        d = self.house.dispatcher
        for job in d.backlog.held:
            assert job.deadline >= self.house.now or not self.awake
            assert job.deadline == (math.inf if job.patience is None else job.arrived + job.patience)
        for slot in d.slots:
            if slot.state is State.BUSY and not slot.interrupted:
                head = slot.jobs[0]
                assert head.arrived <= head.entered <= self.house.now
                assert slot.due == head.entered + head.run_limit or slot.due <= self.house.now

    @invariant()
    def one_worker_runs_jobs_in_the_order_they_came(self) -> None:
        if self.fifo and len(self.house.slots) == 1:
            assert self.ran == sorted(self.ran)

    def teardown(self) -> None:
        """When the pool is closed and its workers end, everybody has been told."""
        house = self.house
        if not house.dispatcher.closing:
            house.close()
        while house.starting:
            house.spawn(house.starting[0])
        for slot in house.slots:
            if slot.worker is not None:
                house.die(slot.number)
        self.nobody_is_ended_before_its_time()
        assert all(name in house.told for name in house.jobs)
        assert house.states == [State.VACANT] * len(house.slots)
        self.the_counts_add_up()
        assert house.staff.busy == house.dispatcher.waiting == 0


def chosen(which: int, among: list[Any]) -> Any:
    return among[which % len(among)] if among else None


TestPool = PoolMachine.TestCase
TestPool.settings = settings(stateful_step_count=50)
