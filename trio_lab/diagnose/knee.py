"""The size beyond which a larger pool gains nothing."""

from __future__ import annotations

from collections.abc import Sequence

# Less than a tenth is noise on a busy machine, and a larger pool costs something.
_GOOD_ENOUGH = 0.9


def knee(points: Sequence[tuple[float, float]]) -> float | None:
    """The smallest size whose throughput is within a tenth of the best; None without points.

    ``points`` are (size, throughput) in any order.
    """
    if not points:
        return None
    best = max(throughput for _, throughput in points)
    return min(size for size, throughput in points if throughput >= _GOOD_ENOUGH * best)
