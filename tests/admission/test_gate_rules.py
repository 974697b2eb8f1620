"""Property (pure): whatever happens at a gate in whatever order, its promises hold after every step.

A model of plain lists stands beside the gate. It knows the order of each discipline by the definition of that order, and
is slow and obvious where the real one is fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from trio_lab.admission import by_patience
from trio_lab.admission.by_patience import ByPatience
from trio_lab.admission.disciplines import AdaptiveLifo, ByPriority, CoDel, FairShare, Fifo, Lifo
from trio_lab.admission.gate import ABANDONED, ADMITTED, LEFT, REFUSED, WAITING, Decision, Gate, Place
from trio_lab.admission.waiting_room import Entry
from trio_lab.errors import Closed, QueueFull, QueueTimeout, Shed

LONG = 3  # more than this is a long queue, for AdaptiveLifo

KINDS, PRIORITIES = st.sampled_from("xyz"), st.integers(0, 2)
PATIENCE = st.sampled_from([None, None, 0.0, 1.0, 2.0, 9.0])
CAPACITIES = st.integers(0, 3)
CROWD = st.lists(st.tuples(KINDS, PRIORITIES, PATIENCE), min_size=1, max_size=6)  # or hardly any queue is ever long


def first(queue: list[Place], _: list[str]) -> Place:
    return queue[0]


def last(queue: list[Place], _: list[str]) -> Place:
    return queue[-1]


def last_if_long(queue: list[Place], _: list[str]) -> Place:
    return queue[-1] if len(queue) > LONG else queue[0]


def highest(queue: list[Place], _: list[str]) -> Place:
    return max(queue, key=lambda place: place.priority)  # the first of them


def in_turn(queue: list[Place], turns: list[str]) -> Place:
    return next(place for place in queue if place.kind == turns[0])


# Who is next, by the definition of each discipline: of a queue in the order of arrival, and of the kinds in the order of
# their turns.
NEXT_OF: dict[str, tuple[Callable[[], Any], Callable[[list[Place], list[str]], Place]]] = {
    "none": (lambda: None, first),  # which is ByPatience, before it has learned anything
    "Fifo": (Fifo, first),
    "Lifo": (Lifo, last),
    "AdaptiveLifo": (lambda: AdaptiveLifo(LONG), last_if_long),
    "CoDel": (lambda: CoDel(target=0.25, interval=0.5), first),
    "ByPriority": (ByPriority, highest),
    "FairShare": (FairShare, in_turn),
    "ByPatience": (lambda: impatient(), first),
}
DRAW = ("none", "ByPatience")  # at random: what they decided is taken for right, see `hand_out`


def impatient() -> ByPatience[Place]:
    """It has learned that callers leave after 2 s, and that services take half a second."""
    discipline = ByPatience[Place](random=Random(1).random)
    for kind in "xyz":
        for _ in range(1000):
            discipline.learner.left(Entry(kind, 0, -2.0, None), 0.0)
        discipline.learner.served(Entry(kind, 0, -0.5, None), 0.0, 0.5)
    return discipline


class GateRules(RuleBasedStateMachine):
    discipline: str

    @initialize(capacity=CAPACITIES, max_waiting=st.sampled_from([None, None, 0, 1, 8]), patience=PATIENCE)
    def open(self, capacity: int, max_waiting: int | None, patience: float | None) -> None:
        make, self.next_of = NEXT_OF[self.discipline]
        self.gate = Gate("test", capacity=capacity, max_waiting=max_waiting, queue_timeout=patience, discipline=make())
        self.now = 0.0
        self.closed = False
        self.queue: list[Place] = []  # in the order of arrival
        self.turns: list[str] = []  # kinds that wait, the next one first
        self.out: list[Place] = []
        self.ends = dict.fromkeys(["completions", "rejected", "timed_out", "cancelled"], 0)
        self.arrivals = self.peak = 0

    # What can happen.

    @rule(crowd=CROWD)
    def arrive(self, crowd: list[tuple[str, int, float | None]]) -> None:
        for kind, priority, patience in crowd:
            self.one_arrives(kind, priority, patience)

    def one_arrives(self, kind: str, priority: int, patience: float | None) -> None:
        try:
            place = self.gate.arrive(self.now, kind, priority, patience)
        except Closed:
            assert self.closed
            return
        except QueueFull:
            assert self.gate.max_waiting is not None
            assert len(self.queue) >= self.gate.max_waiting
            assert len(self.out) >= self.gate.capacity
            self.arrivals += 1
            self.ends["rejected"] += 1
            return
        self.arrivals += 1
        if place.state is ADMITTED:
            self.admit_at_once(place)
        else:
            assert place.state is WAITING
            bound = self.gate.queue_timeout if patience is None else patience
            assert place.deadline == (math.inf if bound is None else self.now + bound)
            self.queue.append(place)
            self.turns += [kind] if kind not in self.turns else []
            self.peak = max(self.peak, len(self.queue))

    @rule(kind=KINDS)
    def try_enter(self, kind: str) -> None:
        try:
            place = self.gate.try_enter(self.now, kind)
        except Closed:
            assert self.closed
            return
        if place is None:
            assert self.queue or len(self.out) >= self.gate.capacity
        else:
            self.arrivals += 1
            self.admit_at_once(place)

    def admit_at_once(self, place: Place) -> None:
        assert not self.closed
        assert self.queue == []  # nobody is passed over
        assert len(self.out) < self.gate.capacity
        assert place.state is ADMITTED
        assert place.waited == 0.0
        self.out.append(place)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.one_leaves(data.draw(st.integers(0, len(self.out) - 1)))

    @precondition(lambda self: self.out and len(self.queue) > 1)
    @rule()
    def work_goes_on(self) -> None:
        """Without this rule a queue hardly ever lasts long enough for CoDel to refuse anyone."""
        for _ in range(4):
            self.now += 0.25
            if self.out:
                self.one_leaves(0)

    def one_leaves(self, number: int) -> None:
        place = self.out.pop(number)
        self.ends["completions"] += 1
        self.hand_out(self.gate.leave(place, self.now))
        assert place.state is LEFT
        with pytest.raises(RuntimeError, match="test: a place that was given back already"):
            self.gate.leave(place, self.now)

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def give_up_while_waiting(self, data: st.DataObject) -> None:
        place = self.queue[data.draw(st.integers(0, len(self.queue) - 1))]
        self.drop(place)
        self.ends["timed_out" if place.deadline <= self.now else "cancelled"] += 1
        assert not self.gate.abandon(place, self.now)
        assert place.state is ABANDONED

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def give_up_while_it_is_served(self, data: st.DataObject) -> None:
        place = self.out[data.draw(st.integers(0, len(self.out) - 1))]
        for _ in range(2):
            self.gate.caller_left(place, self.now)
        assert place.state is ADMITTED  # until it is given back

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def give_up_when_admitted(self, data: st.DataObject) -> None:
        place = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.ends["timed_out" if place.deadline <= self.now else "cancelled"] += 1
        self.hand_out(self.gate.abandon(place, self.now))
        assert place.state is ABANDONED
        assert not self.gate.abandon(place, self.now)

    @rule(capacity=CAPACITIES)
    def resize(self, capacity: int) -> None:
        self.hand_out(self.gate.resize(capacity, self.now))

    @rule(seconds=st.sampled_from([0.25, 1.0, 3.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def expire(self) -> None:
        late = [place for place in self.queue if place.deadline <= self.now]
        assert (self.gate.next_deadline() <= self.now) == bool(late)
        decisions = self.gate.expire(self.now)
        assert {place for place, _ in decisions} == set(late)
        for place, error in decisions:
            self.time_out(place, error, passed_over=False)
        assert self.gate.next_deadline() > self.now

    @precondition(lambda self: self.arrivals > 40)  # or it closes before anything has happened
    @rule()
    def close(self) -> None:
        decisions = self.gate.close()
        assert {place for place, _ in decisions} == set(self.queue)
        for place, error in decisions:
            assert isinstance(error, Closed)
            assert place.state is REFUSED
            self.drop(place)
            self.ends["cancelled"] += 1
        self.closed = True

    # What must follow.

    def hand_out(self, decisions: Sequence[Decision]) -> None:
        """Places were free: the decisions are those that the discipline asks for, and each caller has one."""
        errors = dict(decisions)
        assert len(errors) == len(decisions)
        while errors:
            place = self.next_of(self.queue, self.turns)
            if self.discipline in DRAW:
                place = next(iter(errors))
            error = errors.pop(place)
            if error is not None and not isinstance(error, Shed):
                assert place.deadline <= self.now
                self.time_out(place, error, passed_over=True)
                continue
            self.drop(place, had_its_turn=True)
            if error is None:
                assert place.deadline > self.now
                assert place.state is ADMITTED
                assert place.entered == self.now
                self.out.append(place)
                assert len(self.out) <= self.gate.capacity
            else:
                assert self.discipline in ("CoDel", *DRAW)
                assert place.state is REFUSED
                self.ends["rejected"] += 1

    def time_out(self, place: Place, error: Exception | None, *, passed_over: bool) -> None:
        assert isinstance(error, QueueTimeout)
        assert place.state is REFUSED
        self.drop(place, had_its_turn=passed_over)
        self.ends["timed_out"] += 1

    def drop(self, place: Place, *, had_its_turn: bool = False) -> None:
        self.queue.remove(place)
        if all(other.kind != place.kind for other in self.queue):
            self.turns.remove(place.kind)
        elif had_its_turn:
            self.turns.remove(place.kind)
            self.turns.append(place.kind)

    @invariant()
    def nobody_waits_beside_a_free_place(self) -> None:
        assert not self.queue or len(self.out) >= self.gate.capacity

    @invariant()
    def what_it_tells_is_true(self) -> None:
        found = self.gate.statistics(self.now)
        assert (found.in_service, found.waiting, found.arrivals) == (len(self.out), len(self.queue), self.arrivals)
        assert {name: getattr(found, name) for name in self.ends} == self.ends
        assert self.arrivals == sum(self.ends.values()) + len(self.out) + len(self.queue)
        assert found.peak_waiting == self.peak
        assert self.gate.max_waiting is None or self.peak <= self.gate.max_waiting
        assert found.utilization is not None
        assert 0.0 <= found.utilization <= 1.0
        assert all(place.state is WAITING for place in self.queue)
        assert all(place.state is ADMITTED for place in self.out)


@pytest.mark.parametrize("discipline", NEXT_OF)
def test_the_promises_hold_after_every_step(discipline: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_patience, "Random", lambda: Random(1))  # what happens twice must happen in the same way
    rules = type("Rules", (GateRules,), {"discipline": discipline})
    run_state_machine_as_test(
        rules, settings=settings(max_examples=min(60, settings.default.max_examples), stateful_step_count=40)
    )
