"""Unit: where a line bends, exact on exact points and steady under noise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.diagnose.hinge import ceiling, knee, onset

RATES = (85.0, 95.0, 105.0, 115.0, 130.0)


@given(st.floats(min_value=86, max_value=128))
def test_ceiling_of_exact_points(top: float) -> None:
    assert ceiling([(rate, min(rate, top)) for rate in RATES]) == pytest.approx(top)


@pytest.mark.parametrize("points", [[], [(10.0, 10.0)], [(rate, rate) for rate in RATES]])
def test_no_ceiling(points: list[tuple[float, float]]) -> None:
    assert ceiling(points) is None


@given(st.floats(min_value=86, max_value=113), st.floats(min_value=0.2, max_value=3))
def test_onset_of_exact_points(at: float, slope: float) -> None:
    points = [(rate, slope * max(0.0, rate - at)) for rate in RATES]
    assert onset(points) == pytest.approx(at)


def test_the_order_of_points_does_not_matter() -> None:
    points = [(rate, max(0.0, rate - 100)) for rate in RATES]
    assert onset(points[::-1]) == onset(points) == pytest.approx(100)
    assert ceiling([(rate, min(rate, 100)) for rate in reversed(RATES)]) == pytest.approx(100)


@pytest.mark.parametrize(
    "growth", [[0.0] * 5, [2.0, 2.0, 2.0, 2.0, 2.0], [1.0, -1.0, 0.5, -0.5, 0.9], [9.0, 5.0, 3.0, 1.0, 0.0]]
)
def test_a_queue_that_does_not_grow_has_no_onset(growth: list[float]) -> None:
    assert onset(list(zip(RATES, growth, strict=True))) is None


@pytest.mark.parametrize(
    ("points", "at"),
    [
        ([(1, 10), (2, 20), (4, 20), (8, 20)], 2),
        ([(1, 10), (2, 20), (4, 30), (8, 30)], 3),  # it bends between two sizes
        ([(1, 10), (2, 20), (4, 40), (8, 80)], None),  # still rising
        ([(1, 10), (2, 20), (4, 40), (8, 76)], None),  # less than a tenth is noise
        ([(8, 80), (1, 79)], 1),  # a larger one brings nothing; order does not matter
        ([(1, 40), (2, 78), (4, 115), (16, 118)], 2.96),
        ([(1, 0.0), (2, 0.0)], None),
        ([], None),
    ],
)
def test_knee(points: list[tuple[float, float]], at: float | None) -> None:
    assert knee(points) == (None if at is None else pytest.approx(at, rel=0.02))


def test_noise_moves_them_little() -> None:
    dice = random.Random(1)
    for _ in range(50):
        noisy = [(rate, min(rate, 100) + dice.gauss(0, 1)) for rate in RATES]
        assert ceiling(noisy) == pytest.approx(100, rel=0.03)
        noisy = [(rate, max(0.0, rate - 100) + dice.gauss(0, 1)) for rate in RATES]
        assert onset(noisy) == pytest.approx(100, rel=0.06)
