"""A service in which nothing waits: the time of one request, and how many it works on at a time at its best."""

from __future__ import annotations

from ..records.examination import Examination, Step


def service_time(examination: Examination) -> float | None:
    """Seconds of one request alone: the median of the smallest closed step."""
    alone = [step for step in examination.of("ladder") if step.p50 is not None]
    return min(alone, key=lambda step: step.clients).p50 if alone else None


def concurrency(examination: Examination) -> float:
    """How many requests the service works on at its best, by the ladder (Little's law); at least 1."""
    best = max((replies(step) for step in examination.of("ladder")), default=0.0)
    return max(1.0, best * (service_time(examination) or 0.0))


def replies(step: Step) -> float:
    """Successful ones per second."""
    return sum(piece.ok for piece in step.window(0.0)) / step.duration if step.duration else 0.0
