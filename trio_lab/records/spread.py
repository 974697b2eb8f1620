"""A figure over several rounds: the median, and how far the rounds lie apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A figure over several rounds, in the figure's unit. None: not measured, or a ratio to zero."""

    median: float | None = None
    min: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """
        Raises:
            ValueError: there are no values, or one is not a finite number.
        """
        if not values or not all(math.isfinite(value) for value in values):
            raise ValueError(f"no spread of {list(values)}")
        return cls(median=median(values), min=min(values), max=max(values))

    def rounded(self) -> Spread:
        """With four significant digits, as results hold it: no round repeats more of them."""
        return self.each(lambda one: float(f"{one:.4g}"))

    def each(self, change: Callable[[float], float | None]) -> Spread:
        """The same with every known figure changed."""
        known = [None if one is None else change(one) for one in (self.median, self.min, self.max)]
        return Spread(median=known[0], min=known[1], max=known[2])
