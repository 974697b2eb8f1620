"""Whether a run is worse than an earlier one: the truth table, and what an interval of both runs is."""

from __future__ import annotations

import math

import pytest

from trio_lab.diagnose.baseline import compared, other_machine
from trio_lab.records.slo import Estimate


def of(figure: str, measured: float | None, low: float | None, high: float | None) -> Estimate:
    return Estimate(figure=figure, unit="%" if figure == "ok" else "ms", measured=measured, low=low, high=high)


SURE = (100.0, 99.0, 101.0)
TABLE = [
    # figure, better, before, now, not worse
    ("p50", "lower", SURE, SURE, True),
    ("p50", "lower", SURE, (105.0, 104.0, 106.0), True),
    ("p50", "lower", SURE, (120.0, 119.0, 121.0), False),
    ("p50", "lower", SURE, (110.0, 105.0, 115.0), None),
    ("p50", "lower", (100.0, 50.0, 200.0), (120.0, 119.0, 121.0), None),
    ("p50", "lower", SURE, (50.0, 49.0, 51.0), True),
    ("p50", "lower", SURE, (300.0, 200.0, None), False),
    ("p50", "lower", SURE, (90.0, 80.0, None), None),
    ("goodput", "higher", SURE, (80.0, 79.0, 81.0), False),
    ("goodput", "higher", SURE, (98.0, 97.0, 99.0), True),
    ("ok", "higher", (100.0, 99.9, 100.0), (100.0, 99.9, 100.0), True),
    ("ok", "higher", (100.0, 99.9, 100.0), (92.0, 91.0, 93.0), False),
    ("ok", "higher", (100.0, 90.0, 100.0), (99.0, 90.0, 100.0), None),
    ("p50", "lower", (0.0, 0.0, 0.0), SURE, None),
    ("goodput", "higher", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), True),
    ("goodput", "higher", (0.0, 0.0, 0.1), (0.0, 0.0, 0.0), None),
    ("p50", "lower", (None, None, None), SURE, None),
    ("p50", "lower", SURE, (100.0, None, None), None),
]


@pytest.mark.parametrize(("figure", "better", "before", "now", "passed"), TABLE)
def test_the_whole_interval_of_the_change_decides(
    figure: str, better: str, before: tuple[float, float, float], now: tuple[float, float, float], passed: bool | None
) -> None:
    (found,) = compared([of(figure, *before)], [of(figure, *now)], {figure: better})
    assert found.passed is passed
    assert found.note


def test_errors_of_both_runs_add_up_as_squares() -> None:
    (ratio,) = compared([of("p50", 100, 100 / 1.3, 130)], [of("p50", 100, 100 / 1.4, 140)], {"p50": "lower"})
    grow = math.exp(math.hypot(math.log(1.3), math.log(1.4)))
    assert (ratio.low, ratio.measured, ratio.high) == pytest.approx((1 / grow, 1, grow))
    (points,) = compared([of("ok", 50, 47, 53)], [of("ok", 50, 46, 54)], {"ok": "higher"})
    assert (points.low, points.measured, points.high) == (-5, 0, 5)


def test_only_what_was_asked_for_and_measured_is_compared() -> None:
    now = [of("p50", *SURE), of("p99", *SURE)]
    assert [one.figure for one in compared(now, now, {"p50": "lower", "max": "lower"})] == ["p50"]
    (alone,) = compared([], now[:1], {"p50": "lower"})
    assert (alone.passed, alone.note) == (None, "the earlier run has no interval of it")


@pytest.mark.parametrize(
    ("before", "now", "said"), [(100, 109, ""), (100, 80, "0.80 ×"), (100, 120, "1.20 ×"), (None, 1, ""), (1, None, "")]
)
def test_runs_at_another_speed_of_the_machine_are_not_compared(
    before: float | None, now: float | None, said: str
) -> None:
    found = other_machine(before, now)
    assert said in found
    assert bool(found) == bool(said)
    (one,) = compared([of("p50", *SURE)], [of("p50", *SURE)], {"p50": "lower"}, unlike=found)
    assert (one.passed, one.note == found) == ((None, True) if said else (True, False))
