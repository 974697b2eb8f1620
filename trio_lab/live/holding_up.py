"""What holds requests up in a service whose loop passes, in words; and which queue would refuse a caller now. Pure.

Which queue it is `diagnose.rows` says, for the page and the terminal alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..diagnose.onset import ACCEPT_BACKLOG, RUN_QUEUE
from ..diagnose.rows import JOBS, OUTWARDS
from ..records.examination import Sighting
from ..records.queue import QueueStatistics

DATABASE = "database"
"""The pool of connections, or what the names of several of them begin with."""


def cause_of(name: str) -> str:
    """What it means that the queue of this name holds requests up."""
    if name == RUN_QUEUE:
        return "loop full"
    if name.startswith(OUTWARDS):
        return "downstream slow"
    if name == JOBS:
        return "background jobs wait"
    if name.partition(".")[0] == DATABASE:
        return f"{name} pool full"
    return f"{name.replace('_', ' ')} full"


def refuses(looks: Sequence[Sighting]) -> str | None:
    """The first queue that would refuse a caller now, because its waiting room is full."""
    for queue in looks[-1].health.queues if looks else ():
        if (
            queue.name != ACCEPT_BACKLOG
            and queue.max_waiting is not None
            and _held(queue) >= queue.max_waiting + (queue.capacity or 0)
        ):
            return queue.name
    return None


def _held(queue: QueueStatistics) -> int:
    return (queue.waiting or 0) + (queue.in_service or 0)
