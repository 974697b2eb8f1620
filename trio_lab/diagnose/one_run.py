"""How sure a figure of a single run is: its 95 % interval, from how much the slices of the run differ.

A run is cut into consecutive slices. Requests that follow each other meet the same server, so they are not independent: a
stall makes a hundred of them slow at once, and an interval that treats them as a hundred independent events is far too
narrow. So the spread between the slices decides, wherever it is larger than that of independent requests. If neighbouring
slices are alike (a positive correlation), the interval becomes wider still.

What differs from one run to the next (another start of the server, a slower hour of the machine) is in no interval here.
With fewer than `LEAST` slices there is none.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist

from ..measure.histogram import Histogram
from .interval import LEVEL, Interval

LEAST = 5
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
_MOST_ALIKE = 0.8  # correlation of neighbouring slices: a few slices say little of a higher one


def ratio_interval(parts: Sequence[float], wholes: Sequence[float]) -> Interval | None:
    """Of the sum of ``parts`` ÷ the sum of ``wholes``, such as replies and seconds; each has a value for every slice."""
    error = _error(parts, wholes)
    if error is None:
        return None
    middle, half = sum(parts) / sum(wholes), _t(len(parts) - 1) * error
    return middle - half, middle + half


def share_interval(hits: Sequence[int], totals: Sequence[int]) -> Interval | None:
    """Of the sum of ``hits`` ÷ the sum of ``totals``: Wilson's interval, for the number of independent requests that would
    spread as much as these slices.

    Wilson's interval has a width even if all were hits: after 20 hits of 20 the true share may be 84 %.
    """
    error = _error(hits, totals)
    if error is None:
        return None
    share, independent = sum(hits) / sum(totals), float(sum(totals))
    if error:
        independent = min(independent, share * (1 - share) / error**2 * (_Z / _t(len(hits) - 1)) ** 2)
    z2 = _Z**2 / independent
    middle, half = share + z2 / 2, math.sqrt(z2 * (share * (1 - share) + z2 / 4))
    return max(0.0, (middle - half) / (1 + z2)), min(1.0, (middle + half) / (1 + z2))


def quantile_interval(slices: Sequence[Histogram], share: float) -> Interval | None:
    """Of the quantile of all slices together.

    A duration may be the true p99 if, by `share_interval`, the share of values above it may be 1 %. The interval reaches
    from the lowest to the highest such duration. The upper end is infinite if there are too few values: see `enough`.
    """
    whole = Histogram()
    for one in slices:
        whole.merge(one)
    totals, left = [one.count for one in slices], 1 - share

    def above(duration: float) -> Interval | None:
        return share_interval([one.above(duration) for one in slices], totals)

    if above(0.0) is None:
        return None
    values = whole.values()
    low = bisect_left(values, True, key=lambda value: (above(value) or (0, 0))[0] <= left)
    high = bisect_left(values, True, key=lambda value: (above(value) or (0, 0))[1] <= left)
    return values[low], values[high] if high < len(values) else math.inf


def enough(share: float) -> int:
    """The least number of values with which the interval of a quantile has an upper end."""
    return math.ceil(_Z**2 * share / (1 - share))


def _error(parts: Sequence[float], wholes: Sequence[float]) -> float | None:
    """The standard error of all parts ÷ all wholes; None for too few slices, or when nothing was counted."""
    number, whole = len(parts), sum(wholes)
    if sum(one > 0 for one in wholes) < LEAST:
        return None
    ratio = sum(parts) / whole
    off = [part - ratio * its for part, its in zip(parts, wholes, strict=True)]
    squares = sum(one * one for one in off)
    if not squares:
        return 0.0
    alike = min(_MOST_ALIKE, max(0.0, sum(one * next_ for one, next_ in pairwise(off)) / squares))
    return math.sqrt(number / (number - 1) * squares * (1 + alike) / (1 - alike)) / whole


def _t(freedom: int) -> float:
    """Student's quantile, by the first terms of its series in 1 ÷ freedom: within 2 % from 4 on."""
    z, n = _Z, freedom
    return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n * n)
