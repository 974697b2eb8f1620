"""One shape for every queue: whatever owns one reports this record, so that queues can be laid beside each other.

Wait (in the queue) and service (being served) are never one number: a pool that is too small and a job that is too
slow look the same in their sum, and want opposite cures. Whatever a queue cannot observe is None, and reads
"not observed" outside.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from .histogram import Summary

NOT_OBSERVED = "not observed"


def observed(value: Any) -> float | None:
    """The number that stands in a reply's JSON; None for what was not observed."""
    return value if isinstance(value, (int, float)) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatistics:
    """A queue at one moment, and since it was opened.

    ``arrivals = completions + rejected + timed_out + cancelled + in_service + waiting`` at every moment. ``cancelled``
    counts callers that left while waiting; a caller that left while being served is a completion. ``max_waiting`` is
    the bound on ``waiting``, None when there is no bound (or it is not observed). Times in seconds.
    """

    name: str
    capacity: int | None = None
    in_service: int | None = None
    waiting: int | None = None
    max_waiting: int | None = None
    peak_waiting: int | None = None
    utilization: float | None = None
    arrivals: int | None = None
    completions: int | None = None
    rejected: int | None = None
    timed_out: int | None = None
    cancelled: int | None = None
    wait: Summary | None = None
    service: Summary | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, times in milliseconds."""
        found: dict[str, Any] = {}
        for name, key in _KEYS:
            value = getattr(self, name)
            if value is None:
                value = NOT_OBSERVED
            elif isinstance(value, float):
                value = round(value, 4)
            elif isinstance(value, Summary):
                value = value.as_ms()
            found[key] = value
        return found


# Each field and its name outside.
_KEYS = [(entry.name, entry.name + "_ms" * (entry.name in ("wait", "service"))) for entry in fields(QueueStatistics)]
