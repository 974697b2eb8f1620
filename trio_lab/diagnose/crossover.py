"""From which point on one way costs less than another."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


def crossover(usual: Sequence[Point], other: Sequence[Point], *, share: float = 1.0) -> float | None:
    """The smallest x from which on ``other`` costs at most ``share`` of what ``usual`` costs.

    Both are (x, cost) at the same x, in any order. None when ``other`` costs more at the largest x.

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
