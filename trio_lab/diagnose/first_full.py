"""Which queue fills first: the first that stays full over consecutive samples.

Whether a queue is full in one sample is decided by `fullness`. One full sample is a burst; two in a row are a queue that does
not drain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..catalog import found_in
from ..records.health import Health
from ..records.queue import QueueStatistics
from . import fullness

NONE = "none"
RULES: tuple[Callable[[QueueStatistics, Health], bool], ...] = tuple(found_in(fullness, "is_full"))
_SUSTAINED = 2  # samples in a row


def first_full(samples: Sequence[Health]) -> str | None:
    """The name of the queue that filled first, "none" when none did, None when there are too few samples to tell.

    ``samples`` are in order of time. Queues that fill in the same sample are told apart by the order in which a request
    meets them: the earlier one keeps the others' work from arriving.
    """
    if len(samples) < _SUSTAINED:
        return None
    found = filled(samples)
    return NONE if found is None else found[0]


def filled(samples: Sequence[Health]) -> tuple[str, int] | None:
    """The queue that filled first, and the number of the sample from which on it was full; None when none did."""
    streaks: dict[str, int] = {}
    for number, sample in enumerate(samples):
        for queue in sample.queues:
            full = any(is_full(queue, sample) for is_full in RULES)
            streaks[queue.name] = streaks.get(queue.name, 0) + 1 if full else 0
        for name, streak in streaks.items():
            if streak >= _SUSTAINED:
                return name, number - _SUSTAINED + 1
    return None
