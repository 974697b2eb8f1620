"""A histogram of durations in a few figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Durations in seconds. All are zero when ``count`` is 0."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p99_9: float
    max: float
