"""Ratios of figures that were taken in turn.

Two figures are only compared when they come from the same round: what the machine did to one it likely did to the other.
The order within a round turns by one each time, so nobody always follows the same neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What the rounds brought, without a unit when they are ratios."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """
        Raises:
            ValueError: there are no values, or one is not a finite number.
        """
        if not values or not all(math.isfinite(value) for value in values):
            raise ValueError(f"no spread of {list(values)}")
        return cls(median=median(values), min=min(values), max=max(values))

    def as_json(self) -> dict[str, float]:
        return {"median": _short(self.median), "min": _short(self.min), "max": _short(self.max)}


def _short(value: float) -> float:
    """Four significant digits: more would pretend to a precision that no round repeats."""
    return float(f"{value:.4g}")


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours ÷ theirs, round by round.

    Raises:
        ValueError: not as many rounds of the one as of the other, or a peer that did nothing at all.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} rounds of ours, {len(theirs)} of theirs")
    if 0 in theirs:
        raise ValueError("a peer's figure is zero: it did not work")
    return [mine / its for mine, its in zip(ours, theirs, strict=True)]


def order_of_round(names: Sequence[str], number: int) -> list[str]:
    """Who comes when in a round: A B C, then B C A, then C A B."""
    turn = number % max(1, len(names))
    return [*names[turn:], *names[:turn]]
