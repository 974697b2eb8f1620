"""What holds requests up in a service whose loop passes: pure, from the last few looks at its queues.

The doctor measures under a load that it makes itself, and can compare. Here nothing is known of the load. So a queue counts
only if it is full and has callers waiting in every look of about a second. Of several, the innermost is named, for the others
fill up behind it. A call outwards has no capacity: it holds requests up if many more of them are under way than usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

from ..diagnose.growth import IN_FRONT, named
from ..diagnose.onset import ACCEPT_BACKLOG, BUSY, RUN_QUEUE
from ..records.examination import Sighting
from ..records.queue import QueueStatistics

RECENT = 1.2
"""Seconds; with a look every half second these are two or three."""
_FEW, _MORE = 3, 2.5  # calls outwards: at least so many, and so many times the usual number
_OUTWARDS = "outward."


def held_up_by(looks: Sequence[Sighting]) -> str | None:
    """The queue that holds requests up now; None if none does. The looks are in the order of time, the last is of now."""
    recent = [look for look in looks if look.at > looks[-1].at - RECENT] if looks else []
    if len(recent) < 2:
        return None
    before = looks[: len(looks) - len(recent)]
    names = [queue.name for queue in recent[-1].health.queues]
    outwards = [name for name in names if name.startswith(_OUTWARDS) and _crowded(name, recent, before)]
    full = [name for name in names if not name.startswith(_OUTWARDS) and _is_full(name, recent)]
    inner = [name for name in full if name not in IN_FRONT]
    if outwards or inner:
        return (outwards or inner)[-1]
    if _loop_is_full(recent):
        return RUN_QUEUE
    return full[-1] if full else None


def cause_of(name: str) -> str:
    """The same in words."""
    if name == RUN_QUEUE:
        return "loop full"
    if name.startswith(_OUTWARDS):
        return "downstream slow"
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


def _is_full(name: str, recent: Sequence[Sighting]) -> bool:
    seen = [queue for look in recent if (queue := named(look, name)) is not None]
    return len(seen) == len(recent) and all(
        queue.capacity is not None and (queue.in_service or 0) >= queue.capacity > 0 and (queue.waiting or 0) > 0
        for queue in seen
    )


def _crowded(name: str, recent: Sequence[Sighting], before: Sequence[Sighting]) -> bool:
    now, usual = _in_service(name, recent), _in_service(name, before)
    return len(now) == len(recent) and min(now) >= max(_FEW, _MORE * (median(usual) if usual else 0))


def _in_service(name: str, looks: Sequence[Sighting]) -> list[int]:
    return [queue.in_service or 0 for look in looks if (queue := named(look, name)) is not None]


def _loop_is_full(recent: Sequence[Sighting]) -> bool:
    busy = [look.health.loop.utilization for look in recent]
    told = [share for share in busy if share is not None]
    return bool(told) and fmean(told) >= BUSY
