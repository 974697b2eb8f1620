"""A running service as rows of queues, and which of them fills first: for the terminal and the dashboard.

The load is not known here, as it is under a ramp (`onset`) or in an experiment (`gathering`), so callers cannot be counted from
outside. A queue *gathers* callers if it was full and some waited, or were refused, in nearly all looks of the last seconds. Of
several the innermost is named that serves as fast as it did when nobody waited for it: what is outside of it only waits for
it. If none does, and the loop was busy, tasks wait for the loop: threads and workers that seem slow wait for it too. A call
outwards has no capacity: it holds requests up if many more of them are under way than usual.

Pure: looks in, rows out. A look at a loop that is blocked comes late, and stands for all the time since the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from ..records.examination import Sighting, Step
from ..records.health import Health
from ..records.live import LiveState, RecentStall
from ..records.queue import QueueStatistics
from ..records.watching import LoopRow, QueueRow, Watched
from .growth import Grown, grown, lost_callers, mean_between, named, queue_names
from .onset import ACCEPT_BACKLOG, BUSY, NONE, RUN_QUEUE

WINDOW = 1.2
"""Seconds that the rows are made from, and that a queue must be full before it is named."""
KEPT = 120.0
"""Seconds of looks that are worth keeping, to know how fast a queue serves when nobody waits."""

OUTWARDS = "outward."
"""The names of calls outwards begin so. They have no capacity."""

JOBS = "jobs"
"""The queue of background jobs. No request waits in it, so it is named only if no other queue is."""

_MOST = 0.8  # of the looks of a window
_LEAST, _SPAN = 2, 0.4  # looks, and seconds between the first and the last
_FEW, _MORE = 3, 2.5  # calls outwards: at least so many, and so many times the usual number
_STEADY = 1.0  # callers a second
_FLAT = 1.5  # times the service time without a queue


def watched(
    seen: Sequence[Sighting],
    *,
    silent: float = 0.0,
    stuck: bool = False,
    stalls: Iterable[RecentStall] = (),
    state: LiveState | None = None,
    notes: Sequence[str] = (),
) -> Watched:
    """The service at the last of these looks, which are in order of time. A service that is ``stuck`` does not answer, so what
    holds requests up is its loop. What a side process says in its ``state`` counts for more."""
    if not seen:
        return Watched(
            at=silent,
            silent=silent,
            runtime=None,
            first_full=None,
            queues=(),
            loop=None,
            stalls=(),
            state=state,
            notes=tuple(notes),
        )
    last, first = seen[-1], _told(state) if state is not None else RUN_QUEUE if stuck else first_full(seen)
    return Watched(
        at=last.at + silent,
        silent=silent,
        runtime=last.health.runtime,
        first_full=first,
        queues=queue_rows(seen, first),
        loop=_loop_row(seen),
        stalls=tuple(stalls),
        state=state,
        notes=tuple(notes),
    )


def _told(state: LiveState) -> str:
    """What a side process has concluded: it knows more, and its page marks the same."""
    if state.held_up_by == "loop":
        return RUN_QUEUE
    return state.held_up_by or NONE


def first_full(seen: Sequence[Sighting]) -> str | None:
    """The queue that holds requests up now: "none" if none does, None if there are too few looks to tell."""
    looks = _window(seen)
    if len(looks) < _LEAST or looks[-1].at - looks[0].at < _SPAN:
        return None
    crowded = [name for name in _names(looks) if name.startswith(OUTWARDS) and _crowded(seen, looks, name)]
    if crowded:
        return crowded[-1]
    full = [name for name in _names(looks) if name not in (ACCEPT_BACKLOG, RUN_QUEUE, JOBS) and _gathers(looks, name)]
    busy = (utilization(looks) or 0.0) >= BUSY
    ratios = {name: _service_ratio(seen, looks, name) for name in full}
    flat = [name for name, ratio in ratios.items() if ratio is None or ratio <= _FLAT]
    if flat:
        return flat[-1]
    if busy:
        return RUN_QUEUE
    if full:
        return full[-1]
    return next((name for name in (ACCEPT_BACKLOG, JOBS) if _gathers(looks, name)), NONE)


def queue_rows(seen: Sequence[Sighting], first: str | None) -> tuple[QueueRow, ...]:
    """A row for each queue of the last look, in the order in which a request meets them."""
    looks = _window(seen)
    found = {queue.name: queue for queue in looks[-1].health.queues}
    return tuple(_row(looks, found[name], first) for name in _names(looks) if name in found)


def utilization(looks: Sequence[Sighting]) -> float | None:
    """The share of the time between the first look and the last in which the loop was busy; None if that is not known."""
    shares = [
        (share, now.at - before.at) for before, now in pairwise(looks) if (share := _busy(before, now)) is not None
    ]
    whole = sum(seconds for _, seconds in shares)
    return min(1.0, sum(share * seconds for share, seconds in shares) / whole) if whole > 0 else None


def _window(seen: Sequence[Sighting]) -> list[Sighting]:
    """The looks of the last seconds; or the last few, if they came late."""
    late = [one for one in seen if one.at >= seen[-1].at - WINDOW]
    return late if len(late) >= _LEAST else [*seen][-_LEAST:]


def _names(looks: Sequence[Sighting]) -> list[str]:
    return queue_names([Step(part="load", duration=WINDOW, sightings=tuple(looks))])


def _gathers(looks: Sequence[Sighting], name: str) -> bool:
    """Whether the queue was full, and had callers wait or refused some, in nearly all looks."""
    told = [queue for one in looks if (queue := named(one, name)) is not None and queue.waiting is not None]
    if len(told) < _LEAST:
        return False
    refused = [lost_callers(now) > lost_callers(before) for before, now in pairwise(told)]
    held = [
        _is_full(queue) and bool(queue.waiting or lost)
        for queue, lost in zip(told, [*refused[:1], *refused], strict=True)
    ]
    return sum(held) >= _MOST * len(held)


def _crowded(seen: Sequence[Sighting], looks: Sequence[Sighting], name: str) -> bool:
    """Whether many more calls outwards are under way, in every look, than usual."""
    now, usual = _in_service(looks, name), _in_service(seen[: len(seen) - len(looks)], name)
    return len(now) == len(looks) and min(now) >= max(_FEW, _MORE * (median(usual) if usual else 0))


def _in_service(looks: Sequence[Sighting], name: str) -> list[int]:
    return [queue.in_service or 0 for one in looks if (queue := named(one, name)) is not None]


def _is_full(queue: QueueStatistics) -> bool:
    return queue.capacity is None or queue.in_service is None or queue.in_service >= queue.capacity


def _service_ratio(seen: Sequence[Sighting], looks: Sequence[Sighting], name: str) -> float | None:
    """The mean service time in the window ÷ that between looks at which nobody waited; None if either was not seen."""
    now = _mean(looks[0], looks[-1], name)
    quiet = [
        mean
        for before, after in pairwise(seen)
        if not _waiting(before, name) and not _waiting(after, name) and (mean := _mean(before, after, name))
    ]
    return now / median(quiet) if now is not None and quiet else None


def _mean(before: Sighting, now: Sighting, name: str) -> float | None:
    earlier, later = named(before, name), named(now, name)
    return None if earlier is None or later is None else mean_between(earlier.service, later.service)


def _waiting(one: Sighting, name: str) -> int:
    queue = named(one, name)
    return 0 if queue is None or queue.waiting is None else queue.waiting


def _busy(before: Sighting, now: Sighting) -> float | None:
    """The loop's utilization between two looks. The window of the later one began at the earlier, or, if no reader resets it,
    long before."""
    took, busy = now.at - before.at, _busy_seconds(now.health)
    share = now.health.loop.utilization
    if took <= 0 or busy is None or share is None:
        return None
    if share > 0 and busy / share <= 1.1 * took + 0.02:
        return share
    earlier = _busy_seconds(before.health) or 0.0
    return max(0.0, busy - earlier) / took if busy >= earlier else share


def _busy_seconds(health: Health) -> float | None:
    loop = health.loop
    return None if loop.mean is None or loop.passes is None else loop.mean * loop.passes


def _row(looks: Sequence[Sighting], queue: QueueStatistics, first: str | None) -> QueueRow:
    begin, end = looks[0], looks[-1]
    before, took = named(begin, queue.name), end.at - begin.at
    trend = _trend(looks, queue.name)
    growth = None if trend is None else trend.waiting_growth
    lost = None if before is None or took <= 0 or queue.rejected is None else lost_callers(queue) - lost_callers(before)
    return QueueRow(
        name=queue.name,
        capacity=queue.capacity,
        in_service=queue.in_service,
        waiting=queue.waiting,
        max_waiting=queue.max_waiting,
        wait=None if before is None else mean_between(before.wait, queue.wait),
        service=None if before is None else mean_between(before.service, queue.service),
        trend=None if growth is None else "rises" if growth > _STEADY else "falls" if growth < -_STEADY else "steady",
        growth=growth,
        lost=None if lost is None else max(0.0, lost / took),
        first=queue.name == first,
    )


def _trend(looks: Sequence[Sighting], name: str) -> Grown | None:
    """By conservation, as under a ramp."""
    moved = tuple(replace(one, at=one.at - looks[0].at) for one in looks)
    return grown(Step(part="load", duration=moved[-1].at, sightings=moved), name)


def _loop_row(seen: Sequence[Sighting]) -> LoopRow:
    loop = seen[-1].health.loop
    return LoopRow(
        utilization=utilization(_window(seen)),
        p50=loop.p50,
        p99=loop.p99,
        max=loop.max,
        delay_p99=loop.delay_p99,
        blind=loop.blind,
    )
