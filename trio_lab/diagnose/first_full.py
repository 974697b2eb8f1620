"""Which queue fills first: the first that stays full over consecutive samples.

A queue is full in a sample when all its places are taken and somebody waits, or when as many wait as may. Who waits in
the run queue is not observed, so it counts as full when the loop spent nearly all of the sample's window busy. One full
sample is a burst; two in a row are a queue that does not drain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..records.queue import observed

NONE = "none"
_BUSY = 0.9  # loop utilization from which whoever becomes runnable practically always has to wait
_SUSTAINED = 2  # samples in a row


def first_full(samples: Sequence[Mapping[str, Any]]) -> str | None:
    """The name of the queue that filled first, "none" when none did, None when there are too few samples to tell.

    ``samples`` are replies of `/health` in order of time. Queues that fill in the same sample are told apart by the
    order in which a request meets them: the earlier one keeps the others' work from arriving.
    """
    if len(samples) < _SUSTAINED:
        return None
    streaks: dict[str, int] = {}
    for sample in samples:
        for name, full in _fullness(sample):
            streaks[name] = streaks.get(name, 0) + 1 if full else 0
        for name, streak in streaks.items():
            if streak >= _SUSTAINED:
                return name
    return NONE


def _fullness(sample: Mapping[str, Any]) -> list[tuple[str, bool]]:
    busy = (observed(sample["loop"]["utilization"]) or 0.0) >= _BUSY
    return [(q["name"], busy if q["name"] == "run_queue" else _is_full(q)) for q in sample["queues"]]


def _is_full(queue: Mapping[str, Any]) -> bool:
    waiting, bound = observed(queue["waiting"]), observed(queue["max_waiting"])
    if waiting is None or waiting == 0:
        return False
    capacity, in_service = observed(queue["capacity"]), observed(queue["in_service"])
    taken = capacity is not None and in_service is not None and in_service >= capacity
    return taken or (bound is not None and waiting >= bound)
