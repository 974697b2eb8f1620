"""From where on one way is better than another."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


def crossover(usual: Sequence[Point], other: Sequence[Point], *, share: float = 1.0) -> float | None:
    """The smallest x from which on ``other`` costs at most this ``share`` of what ``usual`` does, at every x beyond.

    Both are (x, cost) at the same x, in any order. None when ``other`` does not pay at the largest x.

    Raises:
        ValueError: they are not at the same x.
    """
    first, second = sorted(usual), sorted(other)
    if [x for x, _ in first] != [x for x, _ in second]:
        raise ValueError("costs at different x cannot be compared")
    found = None
    for (x, cost), (_, its) in zip(reversed(first), reversed(second), strict=True):
        if its > share * cost:
            break
        found = x
    return found
