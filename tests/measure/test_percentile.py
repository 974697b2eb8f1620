"""Unit: percentiles by nearest rank, by table."""

from __future__ import annotations

import pytest

from trio_lab.measure.percentile import percentile


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [
        (100, 0.99, 99),  # not 100: 99 of 100 values are at most 99
        (100, 0.5, 50),
        (100, 0.07, 7),  # 0.07 × 100 is a little more than 7
        (100, 1.0, 100),
        (100, 0.0, 1),
        (101, 0.99, 100),
        (10, 0.99, 10),
        (10, 0.9, 9),
        (3, 0.5, 2),
        (2, 0.5, 1),
        (1, 0.99, 1),
    ],
)
def test_a_percentile_is_the_value_at_the_nearest_rank(count: int, share: float, expected: int) -> None:
    assert percentile([float(value) for value in range(count, 0, -1)], share) == expected


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)
