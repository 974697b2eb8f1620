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
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, Summary):
                found[f"{entry.name}_ms"] = value.as_ms()
            elif value is None and entry.name in ("wait", "service"):
                found[f"{entry.name}_ms"] = NOT_OBSERVED
            elif value is None:
                found[entry.name] = NOT_OBSERVED
            else:
                found[entry.name] = round(value, 4) if isinstance(value, float) else value
        return found
