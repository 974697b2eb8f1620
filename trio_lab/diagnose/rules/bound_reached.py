"""As many wait as may: the next one is refused. This holds for queues whose places cannot be observed, too."""

from __future__ import annotations

from ...records.health import Health
from ...records.queue import QueueStatistics


def is_full(queue: QueueStatistics, health: Health) -> bool:
    return bool(queue.waiting) and queue.max_waiting is not None and (queue.waiting or 0) >= queue.max_waiting
