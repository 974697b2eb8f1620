"""Unit (pure): what each algorithm does with a sample, and what the gate does with a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trio_lab.admission.gate import Gate
from trio_lab.admission.limits.aimd import Aimd
from trio_lab.admission.limits.choice import make_limit
from trio_lab.admission.limits.correlated import Correlated
from trio_lab.admission.limits.gradient2 import Gradient2
from trio_lab.admission.limits.late_loop import LateLoop
from trio_lab.admission.limits.limit import Limit, Outcome, Sample
from trio_lab.admission.limits.neighbours import Neighbours
from trio_lab.admission.limits.vegas import Vegas

MAKERS: list[Callable[..., Limit]] = [Aimd, Vegas, Gradient2, Correlated, Neighbours]


def feed(
    limit: Limit,
    served: Callable[[int], float] = lambda limit: 0.05,
    *,
    seconds: float = 30.0,
    outcome: Outcome = Outcome.SUCCESS,
    load: float = 1.0,
    loop_delay: float = 0.0,
    since: float = 0.0,
) -> float:
    """Requests of that service time one after the other, ``load`` × the limit in flight. Returns when the last ended."""
    now = since
    while now < since + seconds:
        in_flight = max(1, int(load * limit.limit))
        time = served(limit.limit)
        now += time / in_flight
        limit.on_sample(
            Sample(now=now, waited=0.0, served=time, in_flight=in_flight, outcome=outcome, loop_delay=loop_delay * time)
        )
    return now


def hidden(limit: int) -> float:
    """The service time of something that serves ten at once."""
    return 0.05 * max(1.0, limit / 10)


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_ignored_changes_nothing(make: Callable[..., Limit]) -> None:
    limit = make(7)
    feed(limit, outcome=Outcome.IGNORED)
    assert limit.limit == 7


@pytest.mark.parametrize("make", MAKERS)
def test_a_limit_stays_within_its_bounds(make: Callable[..., Limit]) -> None:
    limit = make(3, lowest=2, highest=5)
    feed(limit)
    assert 3 <= limit.limit <= 5
    feed(limit, lambda _: 9.0, outcome=Outcome.DROPPED, seconds=500.0)
    assert limit.limit >= 2


@pytest.mark.parametrize(
    ("limit", "outcome", "grown"), [(10, Outcome.SUCCESS, 11), (10, Outcome.DROPPED, 9), (1, Outcome.DROPPED, 1)]
)
def test_aimd_adds_one_and_takes_a_tenth(limit: int, outcome: Outcome, grown: int) -> None:
    aimd = Aimd(limit)
    aimd.on_sample(Sample(now=1.0, waited=0.0, served=0.1, in_flight=limit, outcome=outcome))
    assert aimd.limit == grown


def test_aimd_takes_a_slow_success_for_a_drop_and_does_not_grow_unused() -> None:
    aimd = Aimd(10, timeout=0.5)
    aimd.on_sample(Sample(now=1.0, waited=0.0, served=0.6, in_flight=10, outcome=Outcome.SUCCESS))
    assert aimd.limit == 9
    aimd.on_sample(Sample(now=1.0, waited=0.0, served=0.1, in_flight=4, outcome=Outcome.SUCCESS))
    assert aimd.limit == 9


def test_vegas_keeps_a_few_queued() -> None:
    limit = Vegas(1)
    feed(limit, hidden, seconds=2.0)
    assert 10 <= limit.limit <= 17


def test_gradient2_shrinks_when_requests_are_slower_than_usual() -> None:
    limit = Gradient2(20, highest=40)
    end = feed(limit, seconds=2.0)
    assert limit.limit == 40
    feed(limit, lambda _: 0.5, seconds=1.0, since=end)
    assert limit.limit < 30


def test_failsafe_gos_rises_by_one_a_window_and_not_far_above_what_is_used() -> None:
    limit = Correlated(4)
    feed(limit, lambda _: 0.01, seconds=5.5)
    assert 8 <= limit.limit <= 10
    feed(limit, lambda _: 0.01, seconds=60.0, since=6.0, load=0.0)
    assert limit.limit <= 5


def test_failsafe_gos_goes_on_in_another_run_with_another_clock() -> None:
    limit = Correlated(4)
    feed(limit, lambda _: 0.01, seconds=2.5, since=1e6)
    before = limit.limit
    feed(limit, lambda _: 0.01, seconds=2.5)
    assert limit.limit > before


@pytest.mark.parametrize("start", [1, 3, 10, 40, 100])
def test_ours_finds_a_hidden_limit(start: int) -> None:
    limit = Neighbours(start)
    feed(limit, hidden, seconds=20.0)
    assert limit.best in (10, 11)


@pytest.mark.parametrize(("knee", "best"), [(1.1, 1), (1.4, 2), (1.2, 1), (2.4, 2), (10.4, 10)])
def test_a_knee_between_two_numbers_is_rounded_up_unless_little_is_lost(knee: float, best: int) -> None:
    limit = Neighbours(best)
    limit._set(knee)
    assert limit.best == best


def test_ours_follows_a_hidden_limit_that_changes() -> None:
    limit = Neighbours(10)
    end = feed(limit, hidden, seconds=30.0)
    feed(limit, lambda n: 0.05 * max(1.0, n / 4), seconds=10.0, since=end)
    assert limit.best in (4, 5)


@pytest.mark.parametrize(
    "what",
    [{"load": 0.5}, {"outcome": Outcome.DROPPED}, {"loop_delay": 0.6}],
    ids=["nobody needs more", "nearly all fail", "the loop is late"],
)
def test_ours_holds_where_nothing_can_be_learned(what: dict[str, Any]) -> None:
    limit = Neighbours(10)
    feed(limit, **what)
    assert limit.best == 10


def test_a_gate_takes_what_its_limit_says_as_capacity() -> None:
    gate = Gate("test", capacity=4, limit=Aimd(1))
    first, second, third = (gate.arrive(0.0) for _ in range(3))
    assert (gate.capacity, gate.waiting) == (1, 2)
    assert [place for place, _ in gate.leave(first, 1.0)] == [second, third]  # a success: there may be two
    assert gate.capacity == 2
    gate.leave(second, 2.0, Outcome.DROPPED)
    assert gate.capacity == 1


def test_a_gate_follows_a_limit_that_changes_by_itself() -> None:
    limit = LateLoop(4, 0.05)
    gate = Gate("test", capacity=4, limit=limit)
    gate.arrive(0.0)
    for _ in range(2):
        limit.on_delay(9.0)
    assert (gate.capacity, gate.follow_limit(1.0), gate.capacity) == (4, [], 1)
    waits = gate.arrive(1.0)
    limit.on_delay(0.0)
    assert (gate.waiting, gate.follow_limit(2.0), gate.capacity) == (1, [(waits, None)], 2)
    assert gate.follow_limit(3.0) == ()
    assert gate.statistics(3.0).utilization == (1 + 1 + 2) / (4 + 1 + 2)
    assert Gate("test", capacity=4).follow_limit(1.0) == ()


def test_an_adaptive_gate_begins_with_its_capacity() -> None:
    gate = Gate("test", capacity=4, limit="adaptive")
    assert gate.capacity == 4


@pytest.mark.parametrize(("chosen", "error"), [("quick", ValueError), (7, ValueError)])
def test_a_limit_that_there_is_not_is_refused(chosen: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match='limit must be "adaptive"'):
        make_limit(chosen, 4)
