"""Whether a change has an effect: figures with and without it, measured in turn, as pairs.

The effect is the median of the pairs' ratios, and its interval is Wilcoxon's: every mean of two logarithms of ratios (a Walsh
average) is a guess at the effect, and the guesses at either end are left out as the signed-rank distribution allows. Nothing is
assumed of how figures are spread, but that a pair is as likely to be measured in one order as in the other: so the order
must be random for each pair.

Three things make false effects, all seen in simulation (`tests/diagnose/pairs.py`), and each has its remedy here:

- **Looking again and again.** Each look is another chance to be wrong, so all looks together have 5 %, and each less (Pocock).
- **Pairs that follow each other are alike** when one of the two programs is slow for some seconds. Then fewer pairs are
  independent than there are, and the interval is made as wide as those few would make it.
- **Two starts of one program differ** by up to a per cent, in how memory lies and which core they get. No number of pairs
  from the same two starts shows it, so the interval is a little wider than the pairs alone would make it (``starts``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from statistics import fmean, median

from .interval import LEVEL, Interval

FIRST_LOOK = 8
"""Pairs before which nothing is decided."""
_NEXT_LOOK = 1.4  # times as many pairs
# The error that each of so many looks may have, so that all together have 5 % (Pocock, 1977).
_POCOCK = (1 - LEVEL, 0.0294, 0.0221, 0.0182, 0.0158, 0.0142, 0.0130, 0.0120, 0.0112, 0.0106)
_MOST_ALIKE = 0.8  # correlation of neighbours: a few pairs say little of a higher one


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """``ratio``: with the change ÷ without. ``interval`` holds the true ratio with 95 %, at whichever look the measurement
    ends; None for too few pairs."""

    ratio: float
    interval: Interval | None


def looks(most: int) -> tuple[int, ...]:
    """After how many pairs a measurement of at most ``most`` is looked at."""
    found = [FIRST_LOOK]
    while found[-1] < most:
        found.append(min(most, math.ceil(found[-1] * _NEXT_LOOK)))
    return tuple(found)


def effect(pairs: Sequence[tuple[float, float]], *, looks: int, starts: float = 0.0) -> Effect | None:
    """The effect in pairs of (without the change, with it), in the order in which they were measured; None without any.

    ``looks`` is how often the measurement may be looked at in all. ``starts`` is by how much two starts of one program may
    differ; 0 if each piece had a start of its own, for then the pairs show it.
    """
    if not pairs:
        return None
    logs = [math.log(after / before) for before, after in pairs]
    guesses = sorted((one + other) / 2 for at, one in enumerate(logs) for other in logs[at:])
    outside = _outside(len(logs), _POCOCK[min(looks, len(_POCOCK)) - 1], 1 / _independent(logs))
    if outside is None:
        return Effect(ratio=math.exp(median(guesses)), interval=None)
    low, high = guesses[outside], guesses[-1 - outside]
    return Effect(
        ratio=math.exp(median(guesses)), interval=(math.exp(low) / (1 + starts), math.exp(high) * (1 + starts))
    )


def _independent(logs: Sequence[float]) -> float:
    """The share of the pairs that are independent, by how alike neighbours are. What could be chance does not count."""
    middle = fmean(logs)
    off = [one - middle for one in logs]
    squares = sum(one * one for one in off)
    alike = sum(one * other for one, other in pairwise(off)) / squares if squares else 0.0
    alike = min(_MOST_ALIKE, max(0.0, alike - 1 / math.sqrt(len(logs))))
    return (1 - alike) / (1 + alike)


def _outside(count: int, error: float, wider: float) -> int | None:
    """How many guesses are left out at either end. ``wider``: by how much the variance of the rank sum is larger than that of
    independent pairs."""
    sums = _rank_sums(count)
    most = sum(share <= error / 2 for share in sums) - 1
    if most < 0:
        return None
    middle = count * (count + 1) / 4
    return max(0, math.floor(middle - (middle - most) * math.sqrt(wider)))


@cache
def _rank_sums(count: int) -> tuple[float, ...]:
    """The chance that the sum of the ranks of so many differences of one sign is at most 0, 1, 2, …, if signs are by chance."""
    ways = [1]
    for rank in range(1, count + 1):
        longer = ways + [0] * rank
        for at, number in enumerate(ways):
            longer[at + rank] += number
        ways = longer
    total, below = 2**count, 0
    shares = []
    for number in ways:
        below += number
        shares.append(below / total)
    return tuple(shares)
