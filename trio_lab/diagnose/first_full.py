"""Which queue fills first: the first that stays full over consecutive samples.

A queue is full in a sample when all its places are taken and somebody waits, or when as many wait as may. How many wait
in the run queue is not observed, so it counts as full when the loop was busy for nearly all of the sample's window. One
full sample is a burst; two in a row are a queue that does not drain.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..records.health import Health
from ..records.queue import QueueStatistics

NONE = "none"
_BUSY = 0.9  # loop utilization from which a task that becomes runnable practically always has to wait
_SUSTAINED = 2  # samples in a row


def first_full(samples: Sequence[Health]) -> str | None:
    """The name of the queue that filled first, "none" when none did, None when there are too few samples to tell.

    ``samples`` are in order of time. Queues that fill in the same sample are told apart by the order in which a request
    meets them: the earlier one keeps the others' work from arriving.
    """
    if len(samples) < _SUSTAINED:
        return None
    streaks: dict[str, int] = {}
    for sample in samples:
        for queue in sample.queues:
            full = _is_busy(sample) if queue.name == "run_queue" else _is_full(queue)
            streaks[queue.name] = streaks.get(queue.name, 0) + 1 if full else 0
        for name, streak in streaks.items():
            if streak >= _SUSTAINED:
                return name
    return NONE


def _is_busy(sample: Health) -> bool:
    return (sample.loop.utilization or 0.0) >= _BUSY


def _is_full(queue: QueueStatistics) -> bool:
    if not queue.waiting:
        return False
    taken = queue.capacity is not None and queue.in_service is not None and queue.in_service >= queue.capacity
    return taken or (queue.max_waiting is not None and queue.waiting >= queue.max_waiting)
