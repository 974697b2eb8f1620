"""The one definition of a percentile of values that are all known: the nearest rank.

The p-th percentile is the smallest value that at least a share p of all values do not exceed. It is always one of the
values, never something between two of them. `Histogram.quantile` uses the same rank on its buckets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def rank(count: int, share: float) -> int:
    """Which of ``count`` ordered values, counted from one, is the percentile of ``share`` (0…1).

    The tiny allowance keeps a product such as 0.07 × 100 = 7.000000000000001 from becoming the next rank.
    """
    return max(1, math.ceil(share * count - 1e-9))


def percentile(values: Sequence[float], share: float) -> float:
    """The percentile of ``share`` (0…1) of values in any order.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("there is no percentile of nothing")
    return sorted(values)[rank(len(values), share) - 1]
