"""All places are taken, and at least one job waits for one. Without a job that waits the queue is busy, and not yet full."""

from __future__ import annotations

from ...records.health import Health
from ...records.queue import QueueStatistics


def is_full(queue: QueueStatistics, health: Health) -> bool:
    taken = queue.capacity is not None and queue.in_service is not None and queue.in_service >= queue.capacity
    return taken and bool(queue.waiting)
