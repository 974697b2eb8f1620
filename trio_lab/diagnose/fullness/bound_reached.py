"""As many wait as may: the next one is refused. This holds for queues whose places cannot be observed, too."""

from __future__ import annotations

from ...records.health import Health
from ...records.queue import QueueStatistics


def is_full(queue: QueueStatistics, health: Health) -> bool:
    waiting, bound = queue.waiting, queue.max_waiting
    return waiting is not None and bound is not None and waiting >= max(1, bound)
