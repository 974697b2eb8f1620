"""Unit: the waiting room keeps deadlines at a cost that does not depend on how they are spread, and keeps nothing else."""

from __future__ import annotations

import gc
import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.admission.tally import Tallies
from trio_lab.admission.waiting_room import Entry, Refusal, WaitingRoom


def make() -> WaitingRoom[Entry]:
    return WaitingRoom("room", max_waiting=None, discipline=None, tallies=Tallies())


def calls_to_expire(patiences: list[float]) -> int:
    """Function calls, Python's and C's, for that many entries to come and expire one after the other."""
    calls = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    room, refusals = make(), list[Refusal[Entry]]()
    sys.setprofile(count)
    try:
        for n, patience in enumerate(patiences):
            room.add(Entry("kind", 0, n * 1e-6, patience), room.count)
        while (due := room.next_deadline()) < 1e9:
            room.expire(due, refusals)
    finally:
        sys.setprofile(None)
    assert len(refusals) == len(patiences)
    return calls


def test_waiters_of_distinct_patience_cost_as_much_as_waiters_of_one() -> None:
    distinct = calls_to_expire([1 + n / 1000 for n in range(2000)])
    assert distinct < 1.1 * calls_to_expire([1.0] * 2000)


def test_deadlines_of_those_that_have_left_do_not_pile_up() -> None:
    room, refusals, kept = make(), list[Refusal[Entry]](), set()
    for n in range(1_000):
        room.add(Entry("kind", 0, 0.0, 2_000.0 - n), 0)
        if n > 10:
            room.take(0.0, refusals)  # the first that came, whose deadline is the last
            kept.add(len(room._deadlines))
            assert room.next_deadline() == 2_000.0 - n
    assert room.count == 11
    assert max(kept) == 2 * room.count + 64
    while room.take(0.0, refusals):
        pass
    assert room.next_deadline() == float("inf")


@pytest.mark.parametrize("leave", ["take", "remove", "expire", "clear"])
def test_the_room_keeps_nothing_of_an_entry_that_has_left(leave: str) -> None:
    room, entry = make(), Entry("kind", 0, 0.0, 1.0)
    room.add(entry, 0)
    match leave:
        case "take":
            room.take(0.5, [])
        case "remove":
            room.remove(entry, 0.5)
        case "expire":
            room.expire(1.0, [])
        case "clear":
            room.clear()
    assert room.count == 0
    assert not any(
        isinstance(owner, (dict, tuple)) and len(owner) for owner in gc.get_referrers(entry) if owner is not locals()
    )


@given(st.lists(st.tuples(st.sampled_from(["add", "take", "expire"]), st.integers(0, 9)), max_size=300))
def test_the_next_deadline_is_the_earliest_of_those_that_wait(steps: list[tuple[str, int]]) -> None:
    room, refusals, now, waiting = make(), list[Refusal[Entry]](), 0.0, list[Entry]()
    for what, n in steps:
        match what:
            case "add":
                waiting.append(Entry("kind", 0, now, float(n) if n else None))
                room.add(waiting[-1], len(waiting) - 1)
            case "take":
                now += n / 10
                room.take(now, refusals)
                due = [entry for entry in waiting if entry.deadline <= now]
                while waiting and waiting.pop(0) in due:
                    pass
            case "expire":
                now += n / 3
                room.expire(now, refusals)
                waiting = [entry for entry in waiting if entry.deadline > now]
        assert room.next_deadline() == min((entry.deadline for entry in waiting), default=float("inf"))
        assert room.count == len(waiting)
