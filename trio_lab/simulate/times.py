"""Durations drawn at random: service times, patience, pauses. The same seed gives the same durations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from statistics import fmean, pstdev
from typing import Literal, get_args

from ..measure.percentile import percentile

Kind = Literal["constant", "exponential", "lognormal", "recorded"]
Z99 = 2.3263
"""Standard deviations from the median of a normal distribution to its 99th percentile."""
Draw = Callable[[], float]
"""Gives the next duration in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long something takes, in seconds.

    ``mean`` is the mean of all kinds but "recorded", which draws one of ``values`` with equal chance: measured times, or
    99 short ones and a long one. ``sigma`` is the standard deviation of a lognormal duration's logarithm.
    """

    kind: Kind = "constant"
    mean: float = 0.0
    sigma: float = 1.0
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be constant, exponential, lognormal or recorded, not {self.kind!r}")
        if self.kind == "recorded" and not self.values:
            raise ValueError("recorded times need values")
        if min(self.mean, self.sigma, *self.values) < 0:
            raise ValueError("a duration must not be negative")
        if self.kind in ("exponential", "lognormal") and not self.mean:
            raise ValueError(f"the mean of {self.kind} times must be over 0")

    @property
    def expected(self) -> float:
        """The mean, of the recorded ones too."""
        return fmean(self.values) if self.kind == "recorded" else self.mean

    @property
    def variation(self) -> float:
        """The standard deviation ÷ the mean; 0 for times that are all the same."""
        if self.kind == "exponential":
            return 1.0
        if self.kind == "lognormal":
            return math.sqrt(math.expm1(self.sigma**2))
        if self.kind == "recorded" and self.expected:
            return pstdev(self.values) / self.expected
        return 0.0

    @property
    def p99(self) -> float:
        """What 99 % do not exceed."""
        if self.kind == "exponential":
            return self.mean * math.log(100)
        if self.kind == "lognormal":
            return self.mean * math.exp(Z99 * self.sigma - self.sigma**2 / 2)
        return percentile(self.values, 0.99) if self.kind == "recorded" else self.mean

    def scaled(self, factor: float) -> Times:
        """The same, but so many times as long."""
        return replace(self, mean=factor * self.mean, values=tuple(factor * value for value in self.values))

    def draw(self, random: Random) -> Draw:
        """The durations in turn, taken from ``random``."""
        if self.kind == "exponential":
            return _exponential(random.random, 1 / self.mean)
        if self.kind == "lognormal":
            return partial(random.lognormvariate, math.log(self.mean) - self.sigma**2 / 2, self.sigma)
        if self.kind == "recorded":
            return partial(random.choice, self.values)
        return partial(float, self.mean)


def times_of(duration: Times | float) -> Times:
    """A number of seconds as times that are all the same."""
    return duration if isinstance(duration, Times) else Times(mean=duration)


def _exponential(draw: Draw, rate: float) -> Draw:
    """The same numbers as `Random.expovariate`'s, which takes twice as long."""
    log = math.log
    return lambda: -log(1.0 - draw()) / rate
