"""Unit: from where on another way pays."""

from __future__ import annotations

import pytest

from trio_lab.diagnose.crossover import crossover

LOOP = [(1, 1.0), (5, 5.0), (20, 20.0), (100, 100.0)]


@pytest.mark.parametrize(
    ("other", "share", "found"),
    [
        ([2, 2, 2, 2], 1.0, 5),
        ([2, 2, 2, 2], 0.2, 20),
        ([0, 0, 0, 0], 1.0, 1),
        ([2, 2, 30, 2], 1.0, 100),  # better at 5 and worse at 20: it pays only from where it stays better
        ([2, 2, 2, 101], 1.0, None),
        ([1, 5, 20, 100], 1.0, 1),  # as good is good enough
    ],
)
def test_it_pays_from_where_it_stays_better(other: list[float], share: float, found: float | None) -> None:
    points = [(x, float(cost)) for (x, _), cost in zip(LOOP, other, strict=True)]
    assert crossover(LOOP, list(reversed(points)), share=share) == found


def test_without_a_share_it_pays_where_it_costs_no_more() -> None:
    assert crossover(LOOP, [(x, 1.5) for x, _ in LOOP]) == 5


def test_nothing_pays_where_nothing_was_measured() -> None:
    assert crossover([], []) is None


def test_costs_of_different_lengths_are_not_compared() -> None:
    with pytest.raises(ValueError, match="different x"):
        crossover(LOOP, LOOP[1:])
