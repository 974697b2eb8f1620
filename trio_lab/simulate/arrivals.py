"""The moments at which the requests of an open workload come. They do not depend on the server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from math import inf, log
from random import Random
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """``rate`` requests a second on average: evenly spaced ("constant"), independent of each other ("poisson"), or
    ``burst`` together at moments that are independent of each other ("bursts"). A "trace" comes at the recorded ``moments``,
    in seconds from its start and in order.
    """

    kind: Literal["constant", "poisson", "bursts", "trace"] = "poisson"
    rate: float = 0.0
    burst: int = 10
    moments: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("constant", "poisson", "bursts", "trace"):
            raise ValueError(f"kind must be constant, poisson, bursts or trace, not {self.kind!r}")
        if self.kind != "trace" and not 0 < self.rate < inf:
            raise ValueError(f"rate must be over 0 and finite, not {self.rate:g}")
        if self.burst < 1:
            raise ValueError(f"burst must be at least 1, not {self.burst}")
        if any(later < earlier for earlier, later in zip(self.moments, self.moments[1:], strict=False)):
            raise ValueError("the moments of a trace must be in order")
        if self.moments and self.moments[0] < 0:
            raise ValueError(f"the moments of a trace must be from 0 on, not {self.moments[0]:g}")

    @property
    def mean_rate(self) -> float:
        """Requests a second, of a trace too."""
        if self.kind != "trace":
            return self.rate
        return len(self.moments) / self.moments[-1] if self.moments and self.moments[-1] else 0.0

    def faster(self, factor: float) -> Arrivals:
        """The same at so many times the rate."""
        moments = tuple(moment / factor for moment in self.moments)
        return replace(self, rate=self.rate * factor, moments=moments)

    def times(self, random: Random, start: float = 0.0) -> Iterator[float]:
        """The moments from ``start`` on, without end but for a trace."""
        if self.kind == "trace":
            return (start + moment for moment in self.moments)
        if self.kind == "constant":
            return (start + n / self.rate for n in count())
        if self.kind == "poisson":
            return _independent(random, start, 1 / self.rate)
        bursts = _independent(random, start, self.burst / self.rate)
        return (moment for moment in bursts for _ in range(self.burst))


def _independent(random: Random, moment: float, gap: float) -> Iterator[float]:
    """Moments from this one on, so far from each other on average."""
    draw = random.random
    while True:
        moment -= gap * log(1.0 - draw())  # exponential, as `Random.expovariate` has it at twice the cost
        yield moment
