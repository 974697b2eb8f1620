"""How sure a mean of few rounds is: its 95 or 99 % interval by Student's t.

Medians have the sign test (`interval`), which needs six rounds. A ramp has time for fewer, and its figures are sums of many
independent ends, so they are spread like the normal curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from .interval import Interval

# 97.5 and 99.5 % points of Student's t for 1, 2, 3, … degrees of freedom; beyond the table the normal curve's, with its first
# correction.
_T = {
    0.95: (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131),
    0.99: (63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.25, 3.169, 3.106, 3.055, 3.012, 2.977, 2.947),
}
_BEYOND = {0.95: (1.96, 2.4), 0.99: (2.576, 5.4)}
LEAST = 3
"""Rounds from which on the interval is narrow enough to be of use."""


def mean_interval(values: Sequence[float], *, widen: float = 1.0, level: float = 0.95) -> Interval | None:
    """The interval that holds the true mean with the probability ``level``, 0.95 or 0.99; None for fewer than `LEAST` values.

    ``widen`` multiplies its width: values that follow each other share what changes slowly, so they differ less than
    independent ones would.
    """
    if len(values) < LEAST:
        return None
    half = widen * student(len(values) - 1, level=level) * stdev(values) / math.sqrt(len(values))
    middle = fmean(values)
    return middle - half, middle + half


def student(freedom: int, *, level: float) -> float:
    """How many standard errors the interval reaches to either side, with so many degrees of freedom, one at least."""
    table, (normal, correction) = _T[level], _BEYOND[level]
    return table[freedom - 1] if freedom <= len(table) else normal + correction / freedom
