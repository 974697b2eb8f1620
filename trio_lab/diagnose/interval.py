"""How sure a median is: its 95 % interval by the sign test.

Nothing is assumed of how the values are spread. Each round is a throw of a coin: the true median lies above its figure or
below. So a median of six rounds lies between the smallest and the largest figure with 97 %, and fewer than six rounds tell
nothing at this level.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import comb

LEVEL = 0.95
Interval = tuple[float, float]


def median_interval(values: Sequence[float]) -> Interval | None:
    """The interval that holds the true median with at least `LEVEL`; None for fewer than `LEAST` values."""
    outside = _outside(len(values))
    if outside is None:
        return None
    ordered = sorted(values)
    return ordered[outside], ordered[-1 - outside]


@cache
def _outside(count: int) -> int | None:
    """How many values may be left out at either end."""
    missed, outside = 0.0, None
    for number in range(count // 2 + 1):
        missed += 2 * comb(count, number) / 2**count  # this many coins on one side, or on the other
        if missed > 1 - LEVEL:
            break
        outside = number
    return outside


LEAST = next(count for count in range(1, 100) if _outside(count) is not None)
"""Rounds from which on there is an interval."""
