"""A naive doctor: the queue with the highest utilization is to blame, and the sort of queue is the reason."""

from __future__ import annotations

from ...diagnose.growth import queue_names, within
from ...diagnose.saturation import last_rounds
from ...diagnose.signals import LIMITER, LOOP, THREADS, WORKERS, kind_of
from ...records.examination import Examination
from ...records.health import Health
from ...records.queue import QueueStatistics

_FULL = 0.8
_REASONS = {
    LOOP: "line_that_blocks",
    THREADS: "native_pool_too_small",
    WORKERS: "worker_pool_too_small",
    LIMITER: "default_limiter_shared",
}


def naive(examination: Examination) -> tuple[str, str]:
    """Its finding, and the queue that it names; "healthy" and "none" if every queue has places to spare."""
    rounds = last_rounds(examination.steps)
    seen = [one.health for steps in rounds[-1:] for one in within(steps[max(steps)])]
    used = {name: _utilization(seen, name) for name in queue_names([s for one in rounds for s in one.values()])}
    first = max(used, key=lambda name: used[name], default="none")
    if used.get(first, 0.0) < _FULL:
        return "healthy", "none"
    return _REASONS.get(kind_of(first) or "", "unseen_queue"), first


def _utilization(seen: list[Health], name: str) -> float:
    shares = [share for one in seen for queue in one.queues if queue.name == name and (share := _used(queue, one))]
    return sum(shares) / len(shares) if shares else 0.0


def _used(queue: QueueStatistics, health: Health) -> float:
    if kind_of(queue.name) == LOOP:
        return health.loop.utilization or 0.0
    if queue.in_service is not None and queue.capacity:
        return queue.in_service / queue.capacity
    return queue.utilization or 0.0
