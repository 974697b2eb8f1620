"""Ends and named values of axes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.report.scales import Scale, linear, logarithmic


def test_linear_axis_of_amounts_starts_at_zero_and_ends_on_a_named_value() -> None:
    scale = linear([3.0, 21.3], zero=True, nice=True)
    assert (scale.low, scale.high) == (0, 25)
    assert scale.ticks == (0, 5, 10, 15, 20, 25)


def test_logarithmic_axis_names_one_two_five_while_there_is_room() -> None:
    assert logarithmic([0.9, 30], nice=True).ticks == pytest.approx((0.5, 1, 2, 5, 10, 20, 50))
    assert logarithmic([30, 900_000], nice=True).ticks == pytest.approx((10, 100, 1_000, 10_000, 100_000, 1_000_000))


def test_logarithmic_axis_of_few_values_names_just_these() -> None:
    assert logarithmic([1, 2, 4, 8, 16], nice=False).ticks == (1, 2, 4, 8, 16)
    with_limit = logarithmic([1, 2, 5.19295, 32], nice=False, named=[1, 2])
    assert (with_limit.ticks, with_limit.high) == ((1, 2), 32)


def test_values_without_a_place_on_a_logarithmic_axis_do_not_bend_it() -> None:
    assert logarithmic([-3, 0, 10, 100], nice=True).low == 10


@pytest.mark.parametrize("values", [[], [0.0], [5.0], [-5.0]])
def test_axis_has_a_length_however_little_is_known(values: list[float]) -> None:
    assert linear(values, zero=True, nice=True).low < linear(values, zero=True, nice=True).high
    assert logarithmic(values, nice=True).low < logarithmic(values, nice=True).high


@given(st.lists(st.floats(1e-6, 1e9) | st.integers(0, 100).map(float), min_size=1, max_size=12), st.booleans())
def test_values_and_ticks_lie_between_the_ends_of_an_axis(values: list[float], nice: bool) -> None:
    for scale, shown in (
        (linear(values, zero=False, nice=nice), values),
        (linear(values, zero=True, nice=nice), [0.0, *values]),
        (logarithmic(values, nice=nice), [value for value in values if value > 0]),
    ):
        for value in [*shown, *scale.ticks]:
            slack = 1e-3 * abs(value) + 1e-9
            assert scale.low - slack <= value <= scale.high + slack
        assert list(scale.ticks) == sorted(set(scale.ticks))
        assert len(scale.ticks) <= 16


def test_fraction_is_a_place_between_the_ends() -> None:
    scale = logarithmic([1, 100], nice=True)
    assert [scale.fraction(value) for value in (0.1, 1, 10, 100)] == pytest.approx([0, 0, 0.5, 1])


def test_fraction_of_an_axis_that_does_not_begin_at_zero_or_one() -> None:
    assert Scale(low=10, high=20, log=False, ticks=()).fraction(12.5) == 0.25
    assert Scale(low=10, high=1000, log=True, ticks=()).fraction(100) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "zero", "nice", "low", "high", "ticks"),
    [
        ([3, 21], False, False, 3, 21, [5, 10, 15, 20]),
        ([3, 21], False, True, 0, 25, [0, 5, 10, 15, 20, 25]),
        ([3, 21], True, False, 0, 21, [0, 5, 10, 15, 20]),
        ([-3, 21], True, True, -5, 25, [-5, 0, 5, 10, 15, 20, 25]),
        ([0, 12], False, True, 0, 12, [0, 2, 4, 6, 8, 10, 12]),
        ([0, 13], False, True, 0, 15, [0, 3, 6, 9, 12, 15]),
        ([0, 13.5], False, True, 0, 15, [0, 2.5, 5, 7.5, 10, 12.5, 15]),
        ([0, 6], False, True, 0, 6, [0, 1, 2, 3, 4, 5, 6]),
        ([0, 6.001], False, True, 0, 7, [0, 1, 2, 3, 4, 5, 6, 7]),
        ([], False, False, -0.5, 0.5, [0]),
        ([5], False, False, 4.5, 5.5, [5]),
        ([5.1], False, False, 4.6, 5.6, [4.6, 4.8, 5, 5.2, 5.4, 5.6]),
        ([], True, False, 0, 1, [0, 1]),
        ([0.9], True, False, 0, 0.9, [0, 0.2, 0.4, 0.6, 0.8]),
    ],
)
def test_a_linear_axis_has_round_ticks_about_a_sixth_apart(
    values: list[float], zero: bool, nice: bool, low: float, high: float, ticks: list[float]
) -> None:
    scale = linear(values, zero=zero, nice=nice)
    assert (scale.low, scale.high, scale.log, scale.ticks) == (low, high, False, pytest.approx(ticks))


@pytest.mark.parametrize(
    ("values", "nice", "low", "high", "ticks"),
    [
        ([30, 300, 30], False, 30, 300, [30, 300]),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], False, 1, 8, [1, 2, 3, 4, 5, 6, 7, 8]),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], False, 1, 9, [1, 2, 5]),
        ([], False, 0.5, 2, [1]),
        ([10], True, 5, 20, [5, 10, 20]),
        ([20], True, 10, 40, [10, 20]),
        ([10], False, 5, 20, [10]),
        ([3, 70], True, 2, 100, [2, 5, 10, 20, 50, 100]),
        ([2.0005, 49.98], True, 2, 50, [2, 5, 10, 20, 50]),
        ([1.999, 50.02], True, 2, 50, [2, 5, 10, 20, 50]),
        ([1.99, 50.2], True, 1, 100, [1, 2, 5, 10, 20, 50, 100]),
        ([1, 2000], True, 1, 2000, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]),
        ([*range(1, 9), 10**3.5], False, 1, 10**3.5, [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]),
        ([1, 3200], True, 1, 10_000, [1, 10, 100, 1000, 10_000]),
        ([1, 1e9], True, 1, 1e9, [10**power for power in range(10)]),
        ([0.01, 100], True, 0.01, 100, [0.01, 0.1, 1, 10, 100]),
        ([1e-6, 1e4], True, 1e-6, 1e4, [1e-6, 1e-4, 1e-2, 1, 100, 1e4]),
        ([1, 1e10], True, 1, 1e10, [1, 100, 1e4, 1e6, 1e8, 1e10]),
    ],
)
def test_a_logarithmic_axis_has_ticks_at_round_numbers_and_at_few_values(
    values: list[float], nice: bool, low: float, high: float, ticks: list[float]
) -> None:
    scale = logarithmic(values, nice=nice)
    assert (scale.low, scale.high, scale.log) == (pytest.approx(low), pytest.approx(high), True)
    assert scale.ticks == pytest.approx(ticks)
