"""A pool to which anything may happen, in any order, and what it promises: checked after every step.

Callers come and leave, workers start, read, end, answer, hang and die, the size changes, time passes, with the loop
awake or blocked. `House` and its workers check some promises at the moment itself: no caller is told twice, nobody is
ended in another's place, and in first-come order nobody is passed by a later one.

    python -m tests.pools.pool_machine 2000000      # as many steps; the suite does some thousand
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import islice, product
from random import Random, randrange
from traceback import extract_tb
from typing import Any

from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from trio_lab.admission.by_patience import ByPatience
from trio_lab.admission.disciplines import AdaptiveLifo, ByPriority, CoDel, Fifo, Lifo
from trio_lab.pools.restart import RestartPolicy
from trio_lab.pools.slot import State
from trio_lab.pools.staff import _LONGEST_START
from trio_lab.worker.frames import SHORT as FITS

from .fake import SHORT, FakeWorker, House

DISCIPLINES = (
    Fifo,
    Fifo,
    Lifo,
    ByPriority,
    lambda: AdaptiveLifo(2),
    lambda: CoDel(0.1, 0.5),
    lambda: ByPatience(random=Random(1).random),
)
ANY = range(12)  # chooses one of those that there are
# What goes on besides, one letter for each thing: workers Start, Begin a job, End one, their replies are Answered; jobs that
# were asked to end Obey, workers that are to be gone aRe, a Part of a large reply comes.
LIFE = ("", "", "S", "SB", "E", "A", "EA", "EAEAB", "EEEA", "O", "R", "OR", "P")
HAPPENINGS: dict[str, tuple[Callable[..., None], list[Any]]] = {}  # what may happen, and the steps that each may do
SHORTLY = 0.01  # seconds: a job that has run for longer is not short


def happens(**choices: Sequence[Any]) -> Callable[[Callable[..., None]], Any]:
    """What may happen, with life going on before it. Hypothesis leaves some rules out of every run: life is in all of them.

    All that a step needs is one choice: each choice more costs Hypothesis as much as the step.
    """
    steps = [(life, dict(zip(choices, chosen, strict=True))) for life, *chosen in product(LIFE, *choices.values())]

    def decorate(function: Callable[..., None]) -> Any:
        @wraps(function)
        def happening(self: Promises, step: tuple[str, dict[str, Any]]) -> None:
            self.steps += not self.house.dispatcher.closing
            for letter in step[0]:
                self.live(letter)
            function(self, **step[1])

        HAPPENINGS[function.__name__] = (happening, steps)
        return function

    return decorate


class Promises(RuleBasedStateMachine):
    """What happens to a pool, and what holds then."""

    house: House
    steps = 0

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
            in_order=discipline is Fifo,
            pipe=pipe,
            restart=RestartPolicy(max_restarts=3, max_seconds=6.0),
            **limits,
        )
        self.house.learn_short()
        self.number = 0
        self.awake = True  # the alarm has rung whenever it was due

    # Callers.

    def come(self, kind: str, **options: Any) -> None:
        self.number += 1
        name, idle = str(self.number), bool(self.house.staff.idle)
        told = self.house.submit(name, kind, **options)
        if idle:  # whatever its queue timeout
            assert not told
            assert self.house.jobs[name].deadline == math.inf or self.house.pipe < 16
            assert self.house.jobs[name].worker is not None or self.house.pipe < 16

    @happens(count=[1, 3, 6], run_timeout=[None, None, 0.5], queue_timeout=[None, 1.0])
    def submit_short(self, count: int, **limits: float | None) -> None:
        for _ in range(count):
            self.come(SHORT, **limits)

    @happens(
        kind=[SHORT, "long"],
        queue_timeout=[None, None, 0.0, 1.0, 2.5],
        run_timeout=[None, 0.5, 1.5],
        priority=[0, 1],
        large=[False, False, False, True],
    )
    def submit(self, large: bool, **options: Any) -> None:
        self.come(**options, call=b"x" * (FITS + 1) if large else b"")

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

    @happens(which=ANY, letters=["B", "E", "EE", "EEE", "A", "EA", "O", "R", "P"])
    def one_works(self, which: int, letters: str) -> None:
        for letter in letters:
            self.work(which % len(self.house.slots), letter)

    def work(self, number: int, letter: str) -> None:
        worker = self.house.slots[number].worker
        if not isinstance(worker, FakeWorker):
            return
        if letter == "A":
            self.answer(number, worker)
        elif letter == "R" and (worker.killed or (worker.ending and worker.running is None)):
            self.house.die(number)
        elif not worker.killed and letter in "BE" and (worker.running is not None or worker.begin()):
            if letter == "E":
                worker.end(1e-6)
        elif letter == "O":
            worker.obey()
        elif letter == "P" and worker.running is not None and not worker.killed:
            worker.received += 1

    def answer(self, number: int, worker: FakeWorker) -> None:
        """Its replies are read. If there are any, it is too old or too fresh for what comes next, and nobody waits behind a
        long job elsewhere."""
        house, slot, replied = self.house, self.house.slots[number], bool(worker.replies)
        house.answer(number)
        if replied and house.limits.max_age is not None and house.now - slot.since >= house.limits.max_age:
            assert not slot.takes_jobs
        for other in house.slots if replied else ():
            if len(other.jobs) > 1 and other.state is not State.LOST and other is not slot:
                assert house.now - other.jobs[0].entered < SHORTLY or not house.worker(other.number).unread

    @happens(which=ANY)
    def die(self, which: int) -> None:
        if slot := chosen(which, [slot for slot in self.house.slots if slot.worker is not None]):
            self.house.die(slot.number)

    @happens(which=ANY, how=["spawn", "ready", "fail"])
    def start_one(self, which: int, how: str) -> None:
        starting = [slot for slot in self.house.slots if slot.worker is not None and slot.state is State.STARTING]
        if how == "ready" and starting:
            self.house.ready(chosen(which, starting))
        elif slot := chosen(which, self.house.starting):
            if how == "fail":
                deaths = self.house.staff.budget.deaths
                self.house.fail_spawn(slot)
                assert self.house.staff.budget.deaths <= deaths + 1
            else:
                self.house.spawn(slot)

    # The pool.

    @happens(size=[1, 2, 3])
    def resize(self, size: int) -> None:
        house = self.house
        if not house.dispatcher.closing:
            ready = [slot for slot in house.slots if slot.takes_jobs]
            house.resize(min(size, len(house.slots)))
            if any(not slot.takes_jobs for slot in ready):
                assert State.STARTING not in house.states, "a ready worker went, and one that is not stayed"

    @happens(which=ANY, large=[False, False, True])
    def keep_house(self, which: int, large: bool) -> None:
        house = self.house
        house.keep_house(*[which % len(house.slots)] * large)
        if house.limits.max_age is not None:
            assert not any(slot.takes_jobs and house.now - slot.since >= house.limits.max_age for slot in house.slots)

    @happens(chance=range(8))
    def close(self, chance: int) -> None:
        if not chance and len(self.house.told) > 40 and not self.house.dispatcher.closing:
            self.house.close()

    @happens(seconds=[0.05, 0.25, 0.5, 1.0, 3.0])
    def pass_time(self, seconds: float) -> None:
        if not self.awake:
            self.house.ring()
        self.awake = True
        self.house.pass_time(seconds)

    @happens(seconds=[0.25, 1.0])
    def block(self, seconds: float) -> None:
        self.house.block(seconds)
        self.awake = False

    # What always holds.

    @invariant()
    def the_counts_add_up(self) -> None:
        d = self.house.dispatcher
        ahead = sum(max(0, len(slot.jobs) - 1) for slot in d.slots)
        assert d.actions.sent_ahead == ahead
        assert d.waiting == d.backlog.room.count + len(d.backlog.held) + ahead
        assert d.waiting <= d.backlog.room.peak
        tallies = d.tallies.values()
        arrivals, ended = sum(tally.arrivals for tally in tallies), sum(tally.ended for tally in tallies)
        assert arrivals == ended + self.house.staff.busy + d.waiting

    @invariant()
    def every_job_is_in_one_place(self) -> None:
        d = self.house.dispatcher
        places = [job for slot in d.slots for job in slot.jobs] + list(d.backlog.held)
        assert len(places) == len(set(places))
        for name, job in self.house.untold():
            waits = job.worker is None and job not in d.backlog.held
            assert (job in places) != waits, name
        for slot in d.slots:
            assert all(job.worker is slot.worker for job in slot.jobs)
        assert not any((d.actions.wake, d.actions.send, d.actions.orders))

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
        held = self.house.dispatcher.backlog.held
        if held and held[0].brief:
            assert not any(slot.may_follow(self.house.now) for slot in self.house.slots)

    @invariant()
    def limits_hold(self) -> None:
        house, limits = self.house, self.house.limits
        if limits.max_queue is not None:  # what a worker did not read comes back, above the bound
            assert house.dispatcher.backlog.room.count <= limits.max_queue
        for slot in house.slots:
            assert len(slot.jobs) <= limits.ahead
            if limits.max_jobs is not None:
                assert slot.served + len(slot.jobs) <= limits.max_jobs
            assert all(job.brief or job is slot.jobs[0] for job in slot.jobs)
        assert sum(slot.state in (State.STARTING, State.IDLE, State.BUSY) for slot in house.slots) <= house.staff.size
        assert house.staff.size >= 1 or house.dispatcher.closing
        assert house.all_ready or house.staff.ready < house.staff.size

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
                case State.LOST if slot.worker is None:
                    assert slot.wanted
            if slot.is_empty and slot.wanted:
                assert house.rings_at < math.inf, "nobody will start a worker here"

    @invariant()
    def the_alarm_is_set_for_all_that_becomes_due(self) -> None:
        d, now, alarm = self.house.dispatcher, self.house.now, self.house.rings_at
        assert alarm <= d.backlog.room.next_deadline()
        assert all(alarm <= job.deadline for job in d.backlog.held)
        for slot in d.slots:
            if slot.state is not State.LOST:
                assert alarm <= slot.due or slot.due <= now
                unread = [number for number, _ in self.house.worker(slot.number).unread] if slot.worker else []
                assert all(alarm <= job.deadline for job in islice(slot.jobs, 1, None) if job.number in unread)
        if any(slot.wanted and slot.is_empty for slot in d.slots):
            assert alarm <= max(now, self.house.staff.budget.next_start(now))

    @invariant()
    def nothing_is_late_when_the_loop_is_awake(self) -> None:
        """Nobody waits past its deadline, runs past its limit, or ends for ever."""
        house = self.house
        if not self.awake:
            return
        assert house.rings_at >= house.now
        for slot in house.slots:
            worker = slot.worker
            if not isinstance(worker, FakeWorker) or worker.killed or worker.replies or worker.received:
                continue
            if worker.ending:
                assert house.now < worker.ending_at + 1.0 + 1e-9
            if slot.jobs and worker.running == slot.jobs[0].number:
                asked_at = worker.asked_at.get(worker.running, math.inf)
                ends_at = slot.jobs[0].ends_at
                assert house.now < ends_at + 1e-9 or asked_at <= house.now
                if house.now < ends_at:  # its caller has left
                    assert house.now < max(asked_at + _LONGEST_START, house.staff._kills.next_kill) + 1e-9
                else:
                    assert house.now < max(asked_at, ends_at) + 0.2 + 1e-9

    @invariant()
    def every_job_keeps_its_own_times(self) -> None:
        d, now = self.house.dispatcher, self.house.now
        for job in d.backlog.held:
            assert job.deadline == (math.inf if job.patience is None else job.arrived + job.patience)
        for _, job in self.house.untold():
            if self.awake and job.worker is None:
                assert now <= (math.inf if job.patience is None else job.arrived + job.patience)
        for slot in d.slots:
            if slot.state is State.BUSY and not slot.interrupted and not self.house.worker(slot.number).received:
                head = slot.jobs[0]
                assert head.arrived <= head.entered <= now
                assert slot.due == head.entered + head.run_limit or slot._received > (slot.served, 0)

    @invariant()
    def the_job_of_a_caller_that_left_is_ended_if_that_is_the_rule(self) -> None:
        if self.house.limits.on_cancel == "stop":
            for slot in self.house.slots:
                worker = slot.worker
                if isinstance(worker, FakeWorker) and slot.jobs and worker.running == slot.jobs[0].number:
                    ended = worker.running in worker.asked or worker.killed or worker.received
                    assert slot.jobs[0].caller is not None or ended

    def teardown(self) -> None:
        """When the pool is closed and its workers end, everybody has been told."""
        house = self.house
        Promises.done += self.steps
        if not house.dispatcher.closing:
            house.close()
        while house.starting:
            house.spawn(house.starting[0])
        for slot in house.slots:
            if slot.worker is not None:
                house.die(slot.number)
        assert all(name in house.told for name in house.jobs)
        assert house.states == [State.VACANT] * len(house.slots)
        self.the_counts_add_up()
        assert house.staff.busy == house.dispatcher.waiting == 0

    done = 0
    """Steps that all machines have done before their pools were closed."""


class PoolMachine(Promises):
    """One rule for each thing that may happen."""


for name, (happening, steps) in HAPPENINGS.items():
    setattr(PoolMachine, name, rule(step=st.sampled_from(steps))(happening))


class Storm(Promises):
    """The same, twenty steps at a time: for millions of them. Hypothesis takes ten times as long to choose a step as the
    pool to do it."""

    @rule(number=st.integers(0, (1 << 32) - 1))
    def storm(self, number: int) -> None:
        random, done = Random(number), list[str]()
        for _ in range(20):
            happening, steps = random.choice(list(HAPPENINGS.values()))
            step = random.choice(steps)
            done.append(f"{happening.__name__}{step}")
            try:
                happening(self, step)
                for promise in self.invariants:
                    promise.function(self)
            except BaseException:
                note("\n".join(done))
                raise


def chosen(which: int, among: list[Any]) -> Any:
    return among[which % len(among)] if among else None


def run(steps: int, start: int | None = None) -> None:
    """Do so many steps, in rounds of some ten thousand, each from a seed that is printed.

    With ``start`` the first seed is given, and what is found is not made smaller.
    """
    number = randrange(1 << 32) if start is None else start
    profile = settings(
        max_examples=500,
        stateful_step_count=12,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if start is None else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    while Promises.done < steps:
        try:
            run_state_machine_as_test(seed(number)(Storm), settings=profile)
        except Exception as error:
            where = extract_tb(error.__traceback__)[-1]
            print(f"broken in the round from seed {number}: {error or where.line}", flush=True)
            raise
        print(f"{Promises.done} steps, seed {number}", flush=True)
        number += 1


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
