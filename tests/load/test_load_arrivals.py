from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from trio_lab.load.arrivals import Arrivals


def all_due(arrivals: Arrivals, now: float) -> list[float]:
    taken = []
    while (due := arrivals.take(now)) is not None:
        taken.append(due)
    return taken


def test_request_n_is_intended_at_start_plus_n_over_rate() -> None:
    arrivals = Arrivals(start=100.0, rate=4.0, duration=1.0, patience=10.0)
    assert all_due(arrivals, 99.9) == []
    assert all_due(arrivals, 100.0) == [100.0]
    assert arrivals.next_due == 100.25
    assert all_due(arrivals, 100.6) == [100.25, 100.5]
    assert all_due(arrivals, 200.0) == []  # the last one was due at 100.75, and its patience has passed
    assert arrivals.dropped == 1
    assert arrivals.next_due == math.inf


def test_backlog_is_what_is_due_and_not_taken() -> None:
    arrivals = Arrivals(start=0.0, rate=10.0, duration=1.0, patience=10.0)
    assert arrivals.waiting(0.35) == 4
    assert arrivals.take(0.35) == 0.0
    assert arrivals.waiting(0.35) == 3
    assert arrivals.waiting(50.0) == 9


def test_request_whose_patience_passed_in_the_backlog_is_dropped() -> None:
    arrivals = Arrivals(start=0.0, rate=8.0, duration=1.0, patience=0.25)
    assert arrivals.take(0.5) == 0.375  # 0, 0.125 and 0.25 have waited for 0.25 or longer
    assert arrivals.dropped == 3


def test_closing_drops_what_was_due_and_forgets_what_was_not() -> None:
    arrivals = Arrivals(start=0.0, rate=10.0, duration=1.0, patience=10.0)
    arrivals.take(0.05)
    arrivals.close(0.45)
    assert arrivals.dropped == 4
    assert arrivals.take(1.0) is None
    assert arrivals.waiting(1.0) == 0


def test_a_rate_below_one_in_the_duration_still_sends_one() -> None:
    assert all_due(Arrivals(start=5.0, rate=0.1, duration=0.5, patience=1.0), 5.5) == [5.0]


@given(
    rate=st.floats(0.5, 1e4),
    duration=st.floats(0.01, 5.0),
    patience=st.floats(0.01, 5.0),
    looks=st.lists(st.floats(0.0, 1.0), max_size=20),
)
def test_every_request_is_either_taken_or_dropped(
    rate: float, duration: float, patience: float, looks: list[float]
) -> None:
    arrivals = Arrivals(start=0.0, rate=rate, duration=duration, patience=patience)
    taken = [due for look in sorted(looks) if (due := arrivals.take(look * duration)) is not None]
    arrivals.close(duration)
    assert taken == sorted(set(taken))
    assert abs(len(taken) + arrivals.dropped - max(1, math.ceil(duration * rate - 1e-9))) <= 1e-9
