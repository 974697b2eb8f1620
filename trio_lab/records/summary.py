"""A histogram of durations: in a few figures, and in buckets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Protocol

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


class InBuckets(Protocol):
    def buckets(self) -> Buckets: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Durations in seconds. All are zero when ``count`` is 0. ``histogram`` is a weak reference to where they come from; it
    is not written to JSON."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p99_9: float
    max: float
    histogram: Callable[[], InBuckets | None] | None = field(
        default=None, compare=False, repr=False, metadata=UNWRITTEN
    )

    @property
    def buckets(self) -> Buckets | None:
        """All of the durations, with those that have come since; None if the histogram is gone, or in another process."""
        found = None if self.histogram is None else self.histogram()
        return None if found is None else found.buckets()
