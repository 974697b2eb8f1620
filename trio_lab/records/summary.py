"""A histogram of durations in a few figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


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


@lru_cache(256)  # most queues stand still most of the time
def as_ms(summary: Summary) -> dict[str, float | int]:
    """The same in milliseconds, with the count."""
    figures = {name: round(getattr(summary, name) * 1e3, 4) for name in ("mean", "p50", "p90", "p99", "p99_9", "max")}
    return {"count": summary.count, **figures}
