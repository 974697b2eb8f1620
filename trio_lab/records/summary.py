"""A histogram of durations: in a few figures, and in buckets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from .codec import UNWRITTEN, In

BOUNDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""The upper bounds of `Buckets` in seconds, each included: those of Prometheus clients, and lower ones for passes of a loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """All durations since the service began. ``counts`` has those of each bucket alone: up to the first of `BOUNDS`, up to the
    second and so on, and above the last one. ``total`` is their sum in seconds. The number of all durations and their sum are
    exact; a duration may exceed the bound that it is counted under by 0.8 %."""

    counts: tuple[int, ...]
    total: Annotated[float, In(suffix="_s")]

    def __post_init__(self) -> None:
        if len(self.counts) != len(BOUNDS) + 1:
            raise ValueError(f"there are {len(BOUNDS) + 1} buckets, not {len(self.counts)}")

    @property
    def count(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Durations in seconds. All are zero when ``count`` is 0. Their ``buckets`` are not written to JSON."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p99_9: float
    max: float
    buckets: Buckets | None = field(default=None, compare=False, repr=False, metadata=UNWRITTEN)
