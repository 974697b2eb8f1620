from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.load.arrivals import Arrivals


def all_due(arrivals: Arrivals, now: float) -> list[float]:
    taken = []
    while (due := arrivals.take(now)) is not None:
        taken.append(due)
    return taken


def test_request_n_is_intended_at_start_plus_n_over_rate() -> None:
    arrivals = Arrivals(start=100.0, steps=[(1.0, 4.0)])
    assert all_due(arrivals, 99.9) == []
    assert all_due(arrivals, 100.0) == [100.0]
    assert arrivals.next_due == 100.25
    assert all_due(arrivals, 100.6) == [100.25, 100.5]
    assert all_due(arrivals, 200.0) == [100.75]  # it is still due, however late
    assert arrivals.next_due == math.inf


def test_backlog_is_what_is_due_and_not_taken() -> None:
    arrivals = Arrivals(start=100.0, steps=[(1.0, 10.0)])
    assert arrivals.waiting(99.0) == 0
    assert arrivals.waiting(100.35) == 4
    assert arrivals.take(100.35) == 100.0
    assert arrivals.waiting(100.35) == 3
    assert arrivals.waiting(150.0) == 9


def test_rounding_makes_no_request_late() -> None:
    arrivals = Arrivals(start=0.0, steps=[(1.0, 10.0)])
    assert 0.3 / 0.1 < 3.0
    assert arrivals.waiting(0.3) == 4


def test_an_early_end_keeps_what_was_due_and_forgets_what_was_not() -> None:
    arrivals = Arrivals(start=0.0, steps=[(1.0, 10.0)])
    arrivals.take(0.05)
    arrivals.end(0.45)
    assert arrivals.waiting(1.0) == 4
    assert all_due(arrivals, 1.0) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert arrivals.next_due == math.inf


def test_a_rate_below_one_in_the_duration_still_sends_one() -> None:
    arrivals = Arrivals(start=5.0, steps=[(0.5, 0.1)])
    assert all_due(arrivals, 5.5) == [5.0]
    assert arrivals.next_due == math.inf


@given(
    rate=st.floats(0.5, 1e4),
    duration=st.floats(0.01, 5.0),
    looks=st.lists(st.floats(0.0, 1.0), max_size=20),
)
def test_every_request_is_taken_once_whenever_one_looks(rate: float, duration: float, looks: list[float]) -> None:
    arrivals = Arrivals(start=0.0, steps=[(duration, rate)])
    taken = [due for look in sorted(looks) if (due := arrivals.take(look * duration)) is not None]
    taken += all_due(arrivals, duration)
    assert taken == pytest.approx([n / rate for n in range(max(1, math.ceil(duration * rate - 1e-9)))])


steps = st.lists(st.tuples(st.floats(0.01, 1.0), st.one_of(st.just(0.0), st.floats(0.5, 50.0))), min_size=1, max_size=5)


@given(steps.filter(lambda steps: any(rate for _, rate in steps)), st.lists(st.floats(0.0, 1.0), max_size=5))
def test_in_every_step_requests_are_due_at_its_rate_whenever_one_looks(
    steps: list[tuple[float, float]], looks: list[float]
) -> None:
    arrivals, span = Arrivals(start=100.0, steps=steps), sum(seconds for seconds, _ in steps)
    taken = []
    for look in sorted(looks):
        now = 100.0 + look * span
        waiting = arrivals.waiting(now)
        found = all_due(arrivals, now)
        assert len(found) == waiting
        taken += found
    taken += all_due(arrivals, 100.0 + span)
    assert arrivals.next_due == math.inf
    begin, wanted = 100.0, 0.0
    for seconds, rate in steps:
        wanted += seconds * rate
        assert abs(sum(due < begin + seconds - 1e-9 for due in taken) - wanted) <= 1 + 1e-6
        within = [due for due in taken if begin <= due < begin + seconds]
        assert all(b - a == pytest.approx(1 / rate, abs=1e-6) for a, b in pairwise(within))
        begin += seconds


def test_stages_follow_each_other_without_a_gap() -> None:
    arrivals = Arrivals(start=0.0, steps=[(1.0, 2.0), (1.0, 0.0), (1.0, 4.0)])
    assert arrivals.waiting(1.5) == 2
    assert all_due(arrivals, 10.0) == [0.0, 0.5, 2.0, 2.25, 2.5, 2.75]


def test_there_are_no_more_than_were_asked_for() -> None:
    assert len(all_due(Arrivals(start=0.0, steps=[(10.0, 10.0)], most=7), 10.0)) == 7
