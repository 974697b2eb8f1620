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
        if queue.name != ACCEPT_BACKLOG and _is_full(queue):
            return queue.name
    return None


def _is_full(queue: QueueStatistics) -> bool:
    """Nobody waits while a place is free. So where callers may wait, it is enough to know how many do."""
    if queue.waiting is None or queue.max_waiting is None:
        return False
    if queue.max_waiting > 0:
        return queue.waiting >= queue.max_waiting
    return queue.capacity is not None and queue.in_service is not None and queue.in_service >= queue.capacity
