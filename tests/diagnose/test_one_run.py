"""How sure the figures of one run are: what the intervals hold, and when there is none."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_lab.diagnose.one_run import LEAST, _t, enough, quantile_interval, ratio_interval, share_interval
from trio_lab.measure.histogram import Histogram


def of(*values: float) -> Histogram:
    found = Histogram()
    for value in values:
        found.record(value)
    return found


@pytest.mark.parametrize(("freedom", "quantile"), [(4, 2.776), (9, 2.262), (19, 2.093), (1000, 1.962)])
def test_students_quantile_is_near_the_tables(freedom: int, quantile: float) -> None:
    assert _t(freedom) == pytest.approx(quantile, rel=0.02)


def test_steady_slices_are_sure() -> None:
    assert ratio_interval([10] * 5, [1] * 5) == (10, 10)


def test_too_few_slices_with_something_in_them_tell_nothing() -> None:
    assert ratio_interval([1] * (LEAST - 1), [1] * (LEAST - 1)) is None
    assert share_interval([0] * 9, [1] * (LEAST - 1) + [0] * 5) is None
    assert quantile_interval([of(1.0)] * 4 + [of()] * 9, 0.5) is None
    assert quantile_interval([], 0.5) is None


def test_twenty_of_twenty_are_not_yet_all() -> None:
    low, high = share_interval([4] * 5, [4] * 5) or (0, 0)
    assert (round(low, 2), high) == (0.84, 1.0)


def test_errors_that_come_together_tell_less_than_errors_that_are_spread() -> None:
    spread = share_interval([90] * 10, [100] * 10)
    together = share_interval([100] * 9 + [0], [100] * 10)
    assert spread is not None
    assert together is not None
    assert spread == pytest.approx((0.88, 0.917), abs=0.01)
    assert together[0] < 0.7


def test_neighbours_that_are_alike_tell_less_than_slices_that_alternate() -> None:
    drifting = ratio_interval([8, 8, 8, 8, 12, 12, 12, 12], [1] * 8)
    alternating = ratio_interval([8, 12] * 4, [1] * 8)
    assert drifting is not None
    assert alternating is not None
    assert drifting[1] - drifting[0] > 2 * (alternating[1] - alternating[0])


def test_a_quantile_of_few_values_is_open_above() -> None:
    assert enough(0.99) == 381
    assert (quantile_interval([of(*[0.01] * 76)] * 5, 0.99) or (0, 0))[1] == math.inf
    assert (quantile_interval([of(*[0.01] * 77)] * 5, 0.99) or (0, 0))[1] < 0.011


def test_one_stall_leaves_the_p99_open_to_both_sides_of_it() -> None:
    calm, stalled = of(*[0.01] * 100), of(*[0.01] * 80, *[0.5] * 20)
    low, high = quantile_interval([*[calm] * 9, stalled], 0.99) or (0, 0)
    assert low == pytest.approx(0.01, rel=0.01)
    assert high == pytest.approx(0.5, rel=0.01)


@settings(max_examples=40)
@given(st.lists(st.lists(st.floats(1e-4, 10), max_size=30), min_size=5, max_size=12), st.sampled_from([0.5, 0.9, 0.99]))
def test_the_interval_of_a_quantile_holds_it(slices: list[list[float]], share: float) -> None:
    found = quantile_interval([of(*values) for values in slices], share)
    if found is not None:
        quantile = of(*(value for values in slices for value in values)).quantile(share)
        assert found[0] <= quantile <= found[1]


def test_the_interval_holds_the_truth_in_about_95_of_100_runs() -> None:
    random = Random(7)
    held = 0
    for _ in range(100):
        slices = [of(*(random.expovariate(1) for _ in range(40))) for _ in range(10)]
        low, high = quantile_interval(slices, 0.5) or (0, 0)
        held += low <= math.log(2) <= high
    assert 90 <= held <= 100
