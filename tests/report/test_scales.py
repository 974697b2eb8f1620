"""Ends and named values of axes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.report.scales import linear, logarithmic


def test_linear_axis_of_amounts_starts_at_zero_and_ends_on_a_named_value() -> None:
    scale = linear([3.0, 21.3], zero=True, nice=True)
    assert (scale.low, scale.high) == (0, 25)
    assert scale.ticks == (0, 5, 10, 15, 20, 25)


def test_logarithmic_axis_names_one_two_five_while_there_is_room() -> None:
    assert logarithmic([0.9, 30], nice=True).ticks == pytest.approx((0.5, 1, 2, 5, 10, 20, 50))
    assert logarithmic([30, 900_000], nice=True).ticks == pytest.approx((10, 100, 1_000, 10_000, 100_000, 1_000_000))


def test_logarithmic_axis_of_few_values_names_just_these() -> None:
    assert logarithmic([1, 2, 4, 8, 16], nice=False).ticks == (1, 2, 4, 8, 16)


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
