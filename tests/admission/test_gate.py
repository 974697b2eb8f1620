"""Unit (pure): the gate's decisions, told as stories; the states of a place; and what an operation costs."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest

from trio_lab.admission.by_patience import ByPatience
from trio_lab.admission.disciplines import AdaptiveLifo, ByPriority, CoDel, FairShare, Fifo, Lifo
from trio_lab.admission.gate import ABANDONED, ADMITTED, LEFT, NEXT, REFUSED, WAITING, Decision, Gate, Place, PlaceState
from trio_lab.errors import Closed, QueueFull, QueueTimeout, Shed
from trio_lab.records.queue import QueueStatistics

from .recorder import Recorded

FATES = {QueueFull: "found it full", QueueTimeout: "timed out", Shed: "was shed", Closed: "was turned away"}


def is_balanced(s: QueueStatistics) -> bool:
    ends = (s.completions, s.rejected, s.timed_out, s.cancelled, s.in_service, s.waiting)
    return s.arrivals == sum(end or 0 for end in ends)


class Front:
    """Whoever owns the event loop: it wakes callers. Here it notes what they are woken with."""

    def __init__(self, **limits: Any) -> None:
        self.gate = Gate("test", **limits)
        self.now = 0.0
        self.places: dict[str, Place] = {}
        self.fates: dict[str, str] = {}

    def tell(self, decisions: Sequence[Decision]) -> None:
        names = {place: name for name, place in self.places.items()}
        for place, error in decisions:
            assert self.fates[names[place]] == "waits"
            assert place.state is (ADMITTED if error is None else REFUSED)
            assert error is None or str(error).startswith("test ")
            self.fates[names[place]] = "is in" if error is None else FATES[type(error)]

    def come(self, name: str, **wishes: Any) -> None:
        try:
            place = self.places[name] = self.gate.arrive(self.now, **wishes)
        except (QueueFull, Closed) as error:
            self.fates[name] = FATES[type(error)]
        else:
            self.fates[name] = "is in" if place.state is ADMITTED else "waits"

    def play(self, clause: str) -> None:
        """One clause of a story."""
        match clause.split():
            case [name, "comes"]:
                self.come(name)
            case [name, "comes", "for", seconds, "s"]:
                self.come(name, queue_timeout=float(seconds))
            case [name, "comes", "with", "priority", priority]:
                self.come(name, priority=int(priority))
            case [name, "comes", "as", kind]:
                self.come(name, kind=kind)
            case [name, "leaves"]:
                self.fates[name] = "left"
                self.tell(self.gate.leave(self.places[name], self.now))
            case [name, "gives", "up"]:
                answered = self.fates[name] not in ("waits", "is in")
                self.fates[name] = self.fates[name] if answered else "gave up"
                self.tell(self.gate.abandon(self.places[name], self.now))
            case [seconds, "s", "pass"]:
                self.now += float(seconds)
            case ["the", "timer", "rings"]:
                self.tell(self.gate.expire(self.now))
            case ["capacity", "becomes", capacity]:
                self.tell(self.gate.resize(int(capacity), self.now))
            case ["it", "closes"]:
                self.tell(self.gate.close())
            case _:
                raise AssertionError(clause)
        assert is_balanced(self.gate.statistics(self.now)), clause


STORIES: list[tuple[dict[str, Any], str, str]] = [
    # There is room.
    ({}, "a comes", "a is in"),
    ({}, "a comes, a leaves, b comes", "a left, b is in"),
    ({"capacity": 2}, "a comes, b comes, c comes", "a is in, b is in, c waits"),
    ({"capacity": 0}, "a comes", "a waits"),
    # The queue is bounded.
    ({"max_waiting": 0}, "a comes, b comes", "a is in, b found it full"),
    ({"max_waiting": 1}, "a comes, b comes, c comes", "a is in, b waits, c found it full"),
    ({"max_waiting": 1}, "a comes, b comes, b gives up, c comes", "a is in, b gave up, c waits"),
    ({"max_waiting": 1}, "a comes, b comes, a leaves, c comes", "a left, b is in, c waits"),
    # The next is served as soon as a place is given back.
    ({}, "a comes, b comes, c comes, a leaves", "a left, b is in, c waits"),
    ({}, "a comes, b comes, c comes, b gives up, a leaves", "a left, b gave up, c is in"),
    ({"discipline": Lifo()}, "a comes, b comes, c comes, a leaves", "a left, b waits, c is in"),
    (
        {"discipline": ByPriority()},
        "a comes, b comes, c comes with priority 2, d comes with priority 1, a leaves, c leaves",
        "a left, b waits, c left, d is in",
    ),
    (
        {"discipline": FairShare()},
        "a comes, b comes as x, c comes as x, d comes as y, a leaves, b leaves",
        "a left, b left, c waits, d is in",
    ),
    # The wait is bounded.
    ({"queue_timeout": 2}, "a comes, b comes, 1 s pass, the timer rings", "a is in, b waits"),
    ({"queue_timeout": 2}, "a comes, b comes, 2 s pass, the timer rings", "a is in, b timed out"),
    (
        {"queue_timeout": 9},
        "a comes, b comes for 1 s, c comes, 1 s pass, the timer rings",
        "a is in, b timed out, c waits",
    ),
    ({}, "a comes, b comes for 0 s, the timer rings", "a is in, b timed out"),
    ({"queue_timeout": 2}, "a comes, 3 s pass, the timer rings, a leaves", "a left"),  # it bounds the wait only
    # The loop was late: the timer has not rung, and no place is given past the deadline.
    ({"queue_timeout": 2}, "a comes, b comes, 3 s pass, a leaves", "a left, b timed out"),
    ({"queue_timeout": 2}, "a comes, b comes, c comes for 9 s, 3 s pass, a leaves", "a left, b timed out, c is in"),
    ({"queue_timeout": 2, "capacity": 0}, "a comes, 2 s pass, capacity becomes 1", "a timed out"),
    # The caller left before it learned how it was answered.
    ({}, "a comes, b comes, c comes, a leaves, b gives up", "a left, b gave up, c is in"),
    ({"queue_timeout": 2}, "a comes, b comes, 2 s pass, a leaves, b gives up", "a left, b timed out"),
    ({}, "a comes, b comes, it closes, b gives up", "a is in, b was turned away"),
    ({}, "a comes, b comes, b gives up, b gives up", "a is in, b gave up"),
    # The size changes.
    ({}, "a comes, b comes, c comes, d comes, capacity becomes 3", "a is in, b is in, c is in, d waits"),
    ({"capacity": 2}, "a comes, b comes, c comes, capacity becomes 1, a leaves", "a left, b is in, c waits"),
    ({"capacity": 2}, "a comes, b comes, c comes, capacity becomes 1, a leaves, b leaves", "a left, b left, c is in"),
    # It closes.
    ({}, "a comes, b comes, it closes, c comes", "a is in, b was turned away, c was turned away"),
    ({}, "a comes, b comes, it closes, a leaves", "a left, b was turned away"),
    ({}, "a comes, it closes, it closes, capacity becomes 5", "a is in"),
    (  # nobody is shed who is turned away
        {"discipline": CoDel(target=1, interval=2)},
        "a comes, b comes, c comes, d comes, 1 s pass, a leaves, 2 s pass, it closes",
        "a left, b is in, c was turned away, d was turned away",
    ),
    # The discipline refuses some, so that the others wait less.
    (
        {"discipline": CoDel(target=1, interval=2)},
        "a comes, b comes, c comes, d comes, 1 s pass, a leaves, 2 s pass, b leaves",
        "a left, b left, c was shed, d is in",
    ),
]


@pytest.mark.parametrize(("limits", "story", "fates"), STORIES, ids=[story for _, story, _ in STORIES])
def test_story(limits: dict[str, Any], story: str, fates: str) -> None:
    front = Front(**({"capacity": 1} | limits))
    for clause in story.split(", "):
        front.play(clause)
    assert ", ".join(f"{name} {fate}" for name, fate in sorted(front.fates.items())) == fates


@pytest.mark.parametrize(("after", "counted"), [(1.0, "cancelled"), (2.0, "timed_out"), (3.0, "timed_out")])
@pytest.mark.parametrize("admitted", [False, True], ids=["while it waits", "just admitted"])
def test_a_caller_that_gives_up_past_its_deadline_has_timed_out(after: float, counted: str, admitted: bool) -> None:
    gate = Gate("test", capacity=0, queue_timeout=2.0)
    place = gate.arrive(0.0)
    if admitted:
        gate.resize(1, 0.5)
        assert place.state is ADMITTED
    gate.abandon(place, after)
    found = gate.statistics(after)
    assert (getattr(found, counted), found.timed_out + found.cancelled) == (1, 1)  # type: ignore[operator]
    assert (found.in_service, found.waiting) == (0, 0)


# The states of a place.


def a_place(state: PlaceState) -> tuple[Gate, Place]:
    """A place in that state, by the shortest way there."""
    gate = Gate("test", capacity=0)
    place = gate.arrive(0.0)
    if state in (ADMITTED, LEFT):
        gate.resize(1, 0.0)
    if state is LEFT:
        gate.leave(place, 0.0)
    elif state is REFUSED:
        gate.close()
    elif state is ABANDONED:
        gate.abandon(place, 0.0)
    assert place.state is state
    return gate, place


@pytest.mark.parametrize("state", PlaceState)
def test_only_a_place_that_is_out_can_be_given_back(state: PlaceState) -> None:
    gate, place = a_place(state)
    before = gate.statistics(0.0)
    if LEFT in NEXT[state]:
        gate.leave(place, 0.0)
        assert place.state is LEFT
    else:
        with pytest.raises(RuntimeError, match=f"test: a place that {state.value} cannot be given back"):
            gate.leave(place, 0.0)
        assert gate.statistics(0.0) == before


@pytest.mark.parametrize("state", PlaceState)
def test_a_caller_that_was_served_cannot_have_given_up(state: PlaceState) -> None:
    gate, place = a_place(state)
    if ABANDONED in NEXT[state]:
        gate.abandon(place, 0.0)
        assert place.state is ABANDONED
    elif state is LEFT:
        with pytest.raises(RuntimeError, match="given back already cannot be abandoned"):
            gate.abandon(place, 0.0)
    else:  # it was answered meanwhile, or has left already
        assert gate.abandon(place, 0.0) == ()
        assert place.state is state
    assert is_balanced(gate.statistics(0.0))


def test_the_end_of_a_place_is_the_end() -> None:
    assert set(NEXT) == set(PlaceState)
    assert [state for state, following in NEXT.items() if not following] == [LEFT, REFUSED, ABANDONED]


@pytest.mark.parametrize("wrong", [Gate.leave, Gate.abandon])
def test_a_place_goes_back_where_it_was_given(wrong: Callable[[Gate, Place, float], object]) -> None:
    mine, other = Gate("mine", capacity=1), Gate("other", capacity=1)
    place = other.arrive(0.0)
    with pytest.raises(RuntimeError, match="mine: a place of other cannot be"):
        wrong(mine, place, 0.0)
    assert (mine.in_service, other.in_service) == (0, 1)


def test_a_discipline_that_gives_the_same_caller_twice_is_found_out() -> None:
    class Twice(Fifo[Any]):
        def pop(self, now: float, refused: list[Any]) -> Any:
            return next(iter(self._entries), None)

    gate = Gate("test", capacity=0, discipline=Twice())
    gate.arrive(0.0)
    with pytest.raises(RuntimeError, match="test: a place that is out cannot be admitted"):
        gate.resize(2, 0.0)


# What it tells.


def test_a_gate_needs_no_event_loop() -> None:
    program = "import sys, trio_lab.admission.gate; print({'trio', 'asyncio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_room_a_place_at_once_is_none() -> None:
    gate = Gate("test", capacity=1)
    place = gate.try_enter(0.0)
    assert place is not None
    assert gate.try_enter(0.0) is None
    gate.arrive(0.0)
    gate.resize(0, 0.0)
    gate.leave(place, 0.0)
    gate.resize(1, 0.0)  # the one that waited has it
    assert gate.try_enter(0.0) is None
    assert gate.statistics(0.0).arrivals == 2  # those that had to wait and did not want to were never there
    gate.close()
    with pytest.raises(Closed, match="test is closed"):
        gate.try_enter(0.0)


def test_who_would_be_refused_at_once_may_be_turned_away_without_asking() -> None:
    gate = Gate("pool", capacity=1, max_waiting=1)
    for has_room in (True, True, False):
        assert gate.has_room is has_room
        if has_room:
            gate.arrive(0.0, "hash")
    with pytest.raises(QueueFull) as refusal:
        gate.arrive(0.0, "hash")
    assert str(gate.turn_away("hash")) == str(refusal.value)
    assert gate.statistics(0.0, "hash").rejected == 2
    assert is_balanced(gate.statistics(0.0))
    assert Gate("pool", capacity=0).has_room  # without a bound


def test_a_caller_that_was_told_that_its_service_takes_too_long_has_stayed_until_then() -> None:
    discipline = Recorded[Place]()
    gate = Gate("pool", capacity=2, discipline=discipline)
    told, left = gate.arrive(0.0, "a"), gate.arrive(0.0, "b")
    gate.caller_left(told, 0.5, was_told=True)
    gate.caller_left(left, 0.6)
    for place in (told, left):
        gate.leave(place, 1.0)
    assert discipline.learner.told == ["a stayed until 5", "b left at 6", "a ran for 10", "b ran for 10"]


def test_a_caller_that_names_neither_is_of_no_kind_and_of_priority_zero() -> None:
    gate = Gate("test", capacity=1)
    for place in (gate.try_enter(0.0), gate.arrive(0.0)):
        assert place is not None
        assert (place.kind, place.priority) == ("", 0)


def test_wait_and_service_are_told_apart() -> None:
    gate = Gate("test", capacity=1)
    first, second = gate.arrive(0.0), gate.arrive(1.0)
    gate.leave(first, 3.0)
    gate.leave(second, 7.0)
    assert (first.waited, second.waited) == (0.0, 2.0)
    found = gate.statistics(7.0)
    assert found.wait is not None
    assert found.service is not None
    assert (found.wait.max, found.service.max) == (2.0, 4.0)


def test_utilization_is_the_share_of_place_time_in_use() -> None:
    gate = Gate("test", capacity=2)
    assert gate.statistics(0.0).utilization == 0.0
    place = gate.arrive(0.0)
    gate.leave(place, 10.0)
    assert gate.statistics(20.0).utilization == pytest.approx(0.25)
    assert gate.statistics().utilization == pytest.approx(0.25)  # at its last change
    gate.restart(1000.0)  # another clock: the time between the two was nobody's
    assert gate.statistics(1020.0).utilization == pytest.approx(0.125)


def test_a_place_that_is_out_while_the_gate_shrinks_is_in_use() -> None:
    gate = Gate("test", capacity=1)
    gate.arrive(0.0)
    gate.resize(0, 0.0)
    assert gate.statistics(10.0).utilization == 1.0


def test_growing_changes_nothing_of_the_time_before() -> None:
    gate = Gate("test", capacity=1)
    gate.arrive(0.0)
    gate.resize(3, 10.0)
    assert gate.statistics(10.0).utilization == 1.0
    assert gate.statistics(20.0).utilization == pytest.approx((10 + 10) / (10 + 30))


def test_kinds_are_counted_apart() -> None:
    gate = Gate("test", capacity=1, max_waiting=0)
    gate.arrive(0.0, "hash")
    with pytest.raises(QueueFull):
        gate.arrive(0.0, "report")
    assert gate.kinds() == ["hash", "report"]
    [everything, hashes, reports, unknown] = [
        gate.statistics(0.0, kind) for kind in (None, "hash", "report", "nothing")
    ]
    assert [found.name for found in (everything, hashes)] == ["test", "test.hash"]
    assert [found.arrivals for found in (everything, hashes, reports, unknown)] == [2, 1, 1, 0]
    assert [found.rejected for found in (everything, hashes, reports)] == [1, 0, 1]
    assert gate.kinds() == ["hash", "report"]  # asking for one does not make it


def test_the_longest_queue_is_remembered() -> None:
    gate = Gate("test", capacity=0)
    assert gate.statistics(0.0).peak_waiting == 0
    places = [gate.arrive(0.0) for _ in range(3)]
    for place in places:
        gate.abandon(place, 0.0)
    assert (gate.waiting, gate.statistics(0.0).peak_waiting) == (0, 3)


def test_the_next_deadline_is_the_earliest() -> None:
    gate = Gate("test", capacity=0)
    assert gate.next_deadline() == math.inf
    gate.arrive(0.0, queue_timeout=5.0)
    gate.arrive(0.0)
    short = gate.arrive(1.0, queue_timeout=2.0)
    assert gate.next_deadline() == 3.0
    gate.abandon(short, 1.0)
    assert gate.next_deadline() == 5.0
    gate.expire(5.0)
    assert gate.next_deadline() == math.inf


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"capacity": -1}, "capacity must be at least 0, not -1"),
        ({"max_waiting": -1}, "max_waiting must be at least 0, not -1"),
        ({"queue_timeout": -1}, "queue_timeout must not be negative or NaN, but is -1"),
        ({"queue_timeout": math.nan}, "queue_timeout must not be negative or NaN, but is nan"),
    ],
)
def test_bounds_that_mean_nothing_are_refused(limits: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Gate("test", **({"capacity": 1} | limits))


@pytest.mark.parametrize(
    "limits", [{"capacity": 2.5}, {"capacity": True}, {"max_waiting": "9"}, {"queue_timeout": "1"}]
)
def test_bounds_of_a_wrong_type_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(limits))):
        Gate("test", **({"capacity": 1} | limits))


def test_a_wrong_bound_of_one_call_or_a_new_size_changes_nothing() -> None:
    gate = Gate("test", capacity=1)
    with pytest.raises(ValueError, match="queue_timeout"):
        gate.arrive(0.0, queue_timeout=-1.0)  # though there is room
    with pytest.raises(ValueError, match=r"^capacity must be"):
        gate.resize(-1, 0.0)
    assert (gate.capacity, gate.kinds()) == (1, [])


@pytest.mark.parametrize("max_waiting", [None, 3])
def test_statistics_say_how_large_the_queue_is(max_waiting: int | None) -> None:
    gate = Gate("test", capacity=2, max_waiting=max_waiting)
    found = gate.statistics(0.0)
    assert (found.capacity, found.max_waiting) == (2, max_waiting)


# What it costs.


def lines_run(work: Callable[[], object]) -> int:
    """Lines of Python that it takes: a cost that no other program on the machine changes."""
    lines = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    gc.disable()  # a collection calls back into Python code of others, which would be counted
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return lines


def costs(discipline: Any, depth: int) -> dict[str, int]:
    gate = Gate("test", capacity=1, queue_timeout=100.0, discipline=discipline)
    places = [gate.arrive(0.0, "ab"[n % 2], n % 2) for n in range(depth)]
    waiting = [place for place in places if place.state is WAITING]
    inside = next(place for place in places if place.state is ADMITTED)
    return {
        "arrive": lines_run(lambda: gate.arrive(1.0, "a")),
        "give up": lines_run(lambda: gate.abandon(waiting[depth // 4 * 2], 1.0)),
        "leave": lines_run(lambda: gate.leave(inside, 1.0)),
        "look for timeouts": lines_run(lambda: gate.expire(1.0)),
        "ask for the next": lines_run(gate.next_deadline),
        "tell": lines_run(lambda: gate.statistics(1.0)),
        "resize": lines_run(lambda: gate.resize(2, 1.0)),
    }


@pytest.mark.parametrize(
    "make", [Fifo, Lifo, lambda: AdaptiveLifo(3), lambda: CoDel(9, 9), ByPriority, FairShare, ByPatience]
)
def test_operations_cost_the_same_however_many_wait(make: Callable[[], Any]) -> None:
    costs(make(), 10)  # the first run fills caches
    assert costs(make(), 10) == costs(make(), 3000)
