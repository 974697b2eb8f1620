"""The run queue: how many tasks wait in it is not observed, so it counts as full when the loop was busy for nearly all of
the sample's window."""

from __future__ import annotations

from ...records.health import Health
from ...records.queue import QueueStatistics

_BUSY = 0.9  # loop utilization from which a task that becomes runnable practically always has to wait


def is_full(queue: QueueStatistics, health: Health) -> bool:
    return queue.name == "run_queue" and (health.loop.utilization or 0.0) >= _BUSY
