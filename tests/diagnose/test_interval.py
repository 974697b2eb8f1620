"""Unit (pure): the interval of a median, and which rounds may decide."""

from __future__ import annotations

import random
from statistics import NormalDist, median

import pytest

from trio_lab.diagnose.disturbance import counted, disturbance
from trio_lab.diagnose.interval import LEAST, LEVEL, median_interval
from trio_lab.diagnose.judge import checked_over, judge
from trio_lab.records.conditions import Conditions
from trio_lab.records.figures import check


@pytest.mark.parametrize(("count", "left_out"), [(6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (15, 3), (20, 5), (100, 39)])
def test_the_ends_are_those_of_the_sign_test(count: int, left_out: int) -> None:
    """The figures are those of printed tables of the sign test at 5 %."""
    values = list(range(count))
    random.Random(count).shuffle(values)
    assert median_interval(values) == (left_out, count - 1 - left_out)


def test_five_rounds_tell_nothing() -> None:
    assert LEAST == 6
    assert median_interval([1.0] * 5) is None
    assert median_interval([]) is None


@pytest.mark.parametrize("count", [6, 9, 13])
def test_the_true_median_is_inside_as_often_as_promised(count: int) -> None:
    draw, trials = random.Random(count), 4000
    inside = 0
    for _ in range(trials):
        low, high = median_interval([draw.expovariate(1.0) for _ in range(count)]) or (0.0, 0.0)
        inside += low <= 0.6931 <= high  # the median of that distribution is ln 2
    noise = NormalDist().inv_cdf(0.9999) * (LEVEL * (1 - LEVEL) / trials) ** 0.5
    assert inside / trials >= LEVEL - noise


GROWTH = check("growth", "growth", "<=", 1.2, "×")


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([1.0, 1.1, 1.0, 1.1, 1.0, 1.2], "confirmed"),
        ([1.0, 1.1, 1.0, 1.1, 1.0, 1.3], "undecided"),  # one of six on the other side
        ([1.3, 1.4, 1.3, 1.5, 1.3, 1.3], "refuted"),
        ([1.0, 1.1, 1.0, 1.1, 1.0, 1.3, 1.0, 1.0, 1.1], "confirmed"),  # one of nine
        ([1.0, 1.1, 1.0, 1.1, 1.0], "undecided"),  # five
    ],
)
def test_a_bound_within_the_interval_leaves_the_outcome_open(values: list[float], outcome: str) -> None:
    checks = checked_over([GROWTH], [{"growth": value} for value in values], [True] * len(values))
    assert judge(checks) == outcome
    assert checks[0].measured == median(values)


def test_rounds_that_do_not_count_settle_nothing_and_are_shown_if_there_are_no_others() -> None:
    rounds = [{"growth": 1.5}] * 6
    (shown,) = checked_over([GROWTH], rounds, [False] * 6)
    assert (shown.measured, shown.passed, shown.low) == (1.5, None, None)
    (found,) = checked_over([GROWTH], [{"growth": 1.0}] * 6 + rounds, [True] * 6 + [False] * 6)
    assert (found.measured, found.passed) == (1.0, True)


def test_one_round_settles_an_exact_claim_whatever_the_neighbour_did() -> None:
    claim = check("orders", "orders", "<=", 0, exact=True)
    for counts in (True, False):
        assert checked_over([claim], [{"orders": 0.0}], [counts])[0].passed is True
        assert checked_over([claim], [{"orders": 0.0}, {"orders": 2.0}], [counts] * 2)[0].passed is None


@pytest.mark.parametrize(
    ("conditions", "grade"),
    [
        (Conditions(), "none"),
        (Conditions(others=0.05), "none"),
        (Conditions(others=0.06), "some"),
        (Conditions(stolen=0.06), "some"),
        (Conditions(throttled=0.06), "some"),
        (Conditions(others=0.26), "much"),
        (Conditions(stolen=0.26), "much"),
        (Conditions(throttled=0.26), "much"),
        (Conditions(drift=0.5), "none"),
    ],
)
def test_the_largest_share_decides_how_much_a_round_was_disturbed(conditions: Conditions, grade: str) -> None:
    assert disturbance(conditions) == grade


def test_a_round_with_some_disturbance_counts_only_if_too_few_were_quiet() -> None:
    assert counted(["none"] * 6 + ["some"]) == [True] * 6 + [False]
    assert counted(["none"] * 5 + ["some"]) == [True] * 6
    assert counted(["none"] * 5 + ["much"]) == [True] * 5 + [False]
