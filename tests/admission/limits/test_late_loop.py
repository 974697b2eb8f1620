"""Unit (pure): a limit that follows the loop's delay."""

from __future__ import annotations

from trio_lab.admission.limits.late_loop import LateLoop
from trio_lab.admission.limits.limit import Limit, Outcome, Sample


def sample(in_flight: int) -> Sample:
    return Sample(now=0.0, waited=0.0, served=0.01, in_flight=in_flight, outcome=Outcome.SUCCESS)


def looks(limit: LateLoop, *delays: float, in_flight: int = 40) -> list[int]:
    found = []
    for delay in delays:
        limit.on_sample(sample(min(in_flight, limit.limit)))
        limit.on_delay(delay)
        found.append(limit.limit)
    return found


def test_it_falls_from_what_was_in_service_in_proportion_to_the_delay() -> None:
    assert looks(LateLoop(100, 0.05), 0.0625, in_flight=40) == [32]


def test_it_falls_by_half_at_most_and_not_below_a_tenth() -> None:
    assert looks(LateLoop(100, 0.05), *[9.0] * 5, in_flight=40) == [20, 10, 5, 4, 4]


def test_it_stays_while_the_loop_is_nearly_late_and_rises_when_it_is_in_time() -> None:
    assert looks(LateLoop(100, 0.05), 0.1, 0.045, 0.03, 0.03, in_flight=40) == [20, 20, 22, 24]


def test_it_rises_up_to_the_limit_within() -> None:
    limit = LateLoop(10, 0.05)
    looks(limit, 9.0, 9.0, 9.0, in_flight=10)
    assert looks(limit, *[0.0] * 20)[-1] == 10


def test_the_limit_within_learns_and_is_the_upper_bound() -> None:
    class Inner(Limit):
        def on_sample(self, sample: Sample) -> None:
            self._set(self._value + 1)

    limit = LateLoop(Inner(3), 0.05)
    limit.on_sample(sample(3))
    assert limit.limit == 4
