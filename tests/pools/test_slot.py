"""Unit: the states of a slot. Every transition of the table happens, and every other one is an error."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

import trio_lab.pools
from trio_lab.errors import QueueTimeout
from trio_lab.pools.slot import LONG, Slot, State, WrongTransition
from trio_lab.worker.frames import EXPIRED, RETURNED_NONE

from .fake import House

VACANT, STARTING, IDLE, BUSY, RETIRING, LOST = State


def vacant() -> House:
    return House(size=2, min_size=1, ready=False)  # the second slot has no worker


def busy() -> House:
    house = House(size=1)
    house.submit("a")
    return house


def retiring() -> House:
    house = busy()
    house.slots[0].retire()
    return house


def lost() -> House:
    house = House(size=1)
    house.slots[0].lose()
    return house


IN: dict[State, Callable[[], Slot]] = {
    VACANT: lambda: vacant().slots[1],
    STARTING: lambda: House(size=1, ready=False).slots[0],
    IDLE: lambda: House(size=1).slots[0],
    BUSY: lambda: busy().slots[0],
    RETIRING: lambda: retiring().slots[0],
    LOST: lambda: lost().slots[0],
}


def rest(slot: Slot) -> None:
    if slot.jobs:
        slot.give_back({slot.jobs[0].number}, 1.0)
    slot.rest(1.0)


def take(slot: Slot) -> None:
    house = busy()
    slot.take(house.jobs["a"], 1.0)


ENTER: dict[State, Callable[[Slot], object]] = {
    STARTING: lambda slot: slot.start(1.0),
    IDLE: lambda slot: slot.ready(1.0) if slot.state is STARTING else rest(slot),
    BUSY: take,
    RETIRING: Slot.retire,
    LOST: Slot.lose,
    VACANT: lambda slot: (slot.want(False), slot.clear(1.0)),
}
ALLOWED = {
    (VACANT, STARTING),
    (STARTING, IDLE),
    (STARTING, RETIRING),
    (STARTING, LOST),
    (IDLE, BUSY),
    (IDLE, RETIRING),
    (IDLE, LOST),
    (BUSY, BUSY),  # a second job
    (BUSY, IDLE),
    (BUSY, RETIRING),
    (BUSY, LOST),
    (RETIRING, VACANT),
    (LOST, STARTING),
    (LOST, VACANT),
    (VACANT, VACANT),  # not wanted, once more
}


@pytest.mark.parametrize(("before", "after"), sorted(ALLOWED))
def test_a_slot_may_become(before: State, after: State) -> None:
    slot = IN[before]()
    assert slot.state is before
    ENTER[after](slot)
    assert slot.state is after


@pytest.mark.parametrize(("before", "after"), sorted(set(product(State, State)) - ALLOWED))
def test_a_slot_may_not_become(before: State, after: State) -> None:
    slot = IN[before]()
    with pytest.raises(WrongTransition, match=f"{before}"):
        ENTER[after](slot)
    assert slot.state is before


def test_a_slot_has_one_process_at_a_time() -> None:
    house = House(size=1)
    with pytest.raises(WrongTransition):
        house.slots[0].occupy(house.worker())
    house.resize(0)
    assert house.states == [State.RETIRING]
    with pytest.raises(WrongTransition):
        house.slots[0].occupy(house.worker())


def test_a_slot_where_none_was_started_takes_no_process() -> None:
    with pytest.raises(WrongTransition):
        IN[State.VACANT]().occupy(House(size=1).worker())


def test_nothing_but_its_methods_changes_a_slot() -> None:
    """No module of the pool sets a field of a slot from outside."""
    for path in Path(trio_lab.pools.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del)):
                mine = isinstance(node.value, ast.Name) and node.value.id == "self"
                owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
                assert mine or owner not in {"slot", "place", "other"}, f"{path.name}:{node.lineno}"


def test_a_new_worker_begins_anew() -> None:
    house = House(size=1, max_jobs=2)
    slot = house.slots[0]
    house.submit("a", run_timeout=9)
    house.end_job()
    assert (slot.served, slot.limit) == (1, 1)
    house.die()
    assert (slot.state, slot.worker) == (STARTING, None)
    assert (slot.served, slot.limit, slot.due, slot.since) == (0, 2, math.inf, math.inf)


def test_the_time_of_the_next_job_begins_when_the_one_before_it_ends_or_is_taken_back() -> None:
    house = House(size=1)
    house.learn_short()
    for name in "abc":
        house.submit(name, "short", run_timeout=1)
    slot, (a, b, c) = house.slots[0], house.jobs.values()
    assert slot.due == house.now + 1
    assert slot.end([(a.number, RETURNED_NONE, 0.0, 0.5, b"")], house.now + 10) == 1
    assert (b.entered, slot.due) == (house.now + 10, house.now + 11)
    assert slot.give_back([b.number], house.now + 20) == [b]
    assert (c.entered, slot.due) == (house.now + 20, house.now + 21)
    assert slot.give_back([c.number], house.now + 30) == [c]
    assert slot.due == math.inf


def test_a_reply_to_another_question_ends_nothing() -> None:
    house = busy()
    other = (999, RETURNED_NONE, 0.0, 0.5, b"")
    assert house.slots[0].end([other], house.now) == 0
    assert house.with_worker() == "a"
    mine = (house.jobs["a"].number, RETURNED_NONE, 0.0, 0.5, b"")
    assert house.slots[0].end([other, mine], house.now) == 1


def test_jobs_that_end_together_are_counted_one_by_one() -> None:
    house = House(size=1)
    house.learn_short()
    for name in "abcd":
        house.submit(name, "short")
    house.block(0.5)
    ends = dict(zip("abcd", (RETURNED_NONE, EXPIRED, EXPIRED, RETURNED_NONE), strict=True))
    slot, tally = house.slots[0], house.dispatcher.tallies["short"]
    replies = [(house.jobs[name].number, end, 0.0, 0.125, b"") for name, end in ends.items()]
    assert slot.end(replies, house.now) == 4
    assert (tally.completions, tally.timed_out, slot.busy_seconds) == (2, 2, 0.25)
    assert (tally.waits.total, tally.services.total) == (0.5, 0.25)  # the last became the worker's first just now
    error = house.jobs["b"].error
    assert isinstance(error, QueueTimeout)
    assert error.queue == "pool"


def test_a_job_runs_long_from_a_moment_on_if_others_were_sent_behind_it() -> None:
    house = House(size=1)
    house.learn_short()
    slot = house.slots[0]
    house.submit("a", "short")
    assert not slot.is_late(house.now + 1.0)
    house.submit("b", "short")
    house.jobs["a"].entered = 0.0
    assert [slot.is_late(now) for now in (LONG * 0.99, LONG)] == [False, True]
    assert [slot.may_follow(now) for now in (LONG * 0.99, LONG)] == [True, False]


@pytest.mark.parametrize("served", [0, 1])
def test_a_worker_is_deaf_when_its_jobs_have_lain_unread_for_that_long_since_it_ended_one(served: int) -> None:
    house = House(size=1)
    slot = house.slots[0]
    for n in range(served):
        house.submit(str(n))
        house.end_job()
    for seconds, deaf in ((0.75, False), (0.25, True)):
        house.submit(f"for {seconds}")
        job = slot.jobs[0]
        assert slot.give_back([job.number], job.entered + seconds) == [job]
        assert slot.is_deaf(1.0) is deaf
        slot.rest(house.now)
        house.staff.idle.append(slot)
