"""Unit: ratios are taken within a round, and what cannot be compared is not."""

from __future__ import annotations

import math

import pytest

from trio_lab.diagnose.ratios import order_of_round, ratios
from trio_lab.records.spread import Spread


@pytest.mark.parametrize(
    ("values", "median", "low", "high"),
    [
        ([2.0], 2.0, 2.0, 2.0),
        ([3.0, 1.0, 2.0], 2.0, 1.0, 3.0),
        ([1.0, 2.0, 3.0, 100.0], 2.5, 1.0, 100.0),
    ],
)
def test_a_spread_is_median_and_extremes(values: list[float], median: float, low: float, high: float) -> None:
    assert Spread.of(values) == Spread(median=median, min=low, max=high)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_no_spread_of_nothing(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no spread"):
        Spread.of(values)


def test_figures_say_no_more_digits_than_a_round_repeats() -> None:
    assert Spread.of([1.234567]).rounded() == Spread(median=1.235, min=1.235, max=1.235)


def test_a_machine_that_slows_down_changes_no_ratio() -> None:
    assert ratios([100, 50, 2], [50, 25, 1]) == [2, 2, 2]


def test_rounds_that_do_not_match_are_not_compared() -> None:
    with pytest.raises(ValueError, match="rounds"):
        ratios([1, 2], [1])


def test_a_peer_that_did_nothing_is_an_error_and_no_victory() -> None:
    with pytest.raises(ZeroDivisionError, match="did not work"):
        ratios([1, 2], [1, 0])


@pytest.mark.parametrize(("number", "order"), [(0, "ABC"), (1, "BCA"), (2, "CAB"), (3, "ABC")])
def test_the_order_turns_from_round_to_round(number: int, order: str) -> None:
    assert order_of_round("ABC", number) == list(order)
