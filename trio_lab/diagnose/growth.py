"""How fast queues grew in a step, by conservation: callers that came and were not answered wait somewhere.

Growth of a queue = Δ waiting + Δ (rejected + timed out + cancelled), per second: callers that came and were not served. The
generator's own growth = what it offered and was not answered. What no queue of the service accounts for waits before it:
in the accept backlog, in sockets that the loop has not read, in tasks that the loop has not run.

A queue that is always full does not grow, however full it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import linear_regression

from ..records.examination import Examination, Sighting, Step
from ..records.health import Usage
from ..records.queue import QueueStatistics
from ..records.summary import Summary

CLEARLY = 0.08
"""A share of the offered rate; less growth may be noise of counting."""
IN_FRONT = frozenset({"accept_backlog", "run_queue", "admission"})
"""Queues that a request meets before all others."""
_WARM = 0.2  # of a step
_LEAST = 2  # sightings
_DELAYED = 0.3  # of the time
OWN = 0.6
"""Of the cores: a service that uses as many delays its own loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """One queue in one step. Callers per second; ``served`` is the mean service time of those that left, in seconds. None
    where it was not observed. ``in_service_growth`` is of those being served. ``waiting`` were there at the end."""

    waiting_growth: float | None
    in_service_growth: float | None
    served: float | None
    waiting: int | None
    capacity: int | None = None

    @property
    def held_growth(self) -> float | None:
        """Growth of the callers held beyond the places. A queue without a capacity holds them in service."""
        if self.capacity is None and self.in_service_growth is not None:
            return self.in_service_growth + (self.waiting_growth or 0.0)
        return self.waiting_growth


def offered_growth(step: Step) -> float:
    """What the generator offered and was not answered as wanted, per second; 0 for a closed step, which waits for its
    replies."""
    if step.rate is None:
        return 0.0
    if not (pieces := step.window(_WARM * step.duration)):
        return step.rate  # the load ended at once: no connection could be made
    seconds = step.duration - pieces[0].at
    return step.rate - sum(piece.ok for piece in pieces) / seconds if seconds > 0 else 0.0


def queue_names(steps: Sequence[Step]) -> list[str]:
    """The names of all queues that were seen, in the order in which a request meets them.

    A service tells them in this order, but for queues of its own, which come last. An admission is in front of all places.
    """
    names = dict.fromkeys(queue.name for step in steps for seen in step.sightings for queue in seen.health.queues)
    return sorted(names, key=lambda name: name not in IN_FRONT)


def quiet_steps(examination: Examination) -> list[Step]:
    """Those with little load or none, to compare the others with."""
    first = list(examination.of("ladder"))[:1]
    return [*examination.of("rest"), *first, *examination.of("calm")]


def grown(step: Step, name: str) -> Grown | None:
    """A queue in a step; None when it was seen less than twice there."""
    seen = [(one.at, queue) for one in within(step) if (queue := named(one, name)) is not None]
    if len(seen) < _LEAST or seen[-1][0] <= seen[0][0]:
        return None
    first, last = seen[0][1], seen[-1][1]
    return Grown(
        waiting_growth=_slope(seen, unserved),
        in_service_growth=_slope(seen, lambda queue: queue.in_service),
        served=mean_between(first.service, last.service),
        waiting=last.waiting,
        capacity=last.capacity,
    )


def within(step: Step) -> list[Sighting]:
    """The sightings within the step, without its first fifth, in which queues may still fill up."""
    return [one for one in step.sightings if _WARM * step.duration <= one.at <= step.duration]


def rate_of(step: Step, figure: Callable[[Usage], float | None]) -> float | None:
    """How much a counter of the process rose per second, over the step and the time in which its backlog was served."""
    usages = [seen.health.usage for seen in step.sightings if seen.health.usage is not None]
    if len(usages) < _LEAST or usages[-1].elapsed <= usages[0].elapsed:
        return None
    before, after = figure(usages[0]), figure(usages[-1])
    return None if before is None or after is None else (after - before) / (usages[-1].elapsed - usages[0].elapsed)


def utilization(step: Step) -> float | None:
    """The loop's utilization over the step and the time in which its backlog was served. The first sighting is left out:
    its window began before the step. While the loop is blocked looks are rare, so each counts by the length of its window."""
    spans = [
        (share, now.at - before.at)
        for before, now in pairwise(step.sightings)
        if (share := now.health.loop.utilization) is not None
    ]
    whole = sum(seconds for _, seconds in spans)
    return sum(share * seconds for share, seconds in spans) / whole if whole else None


def disturbed(step: Step) -> bool:
    """Whether the loop's thread waited for a CPU for much of the step, and not because of what the service itself computes."""
    own = rate_of(step, lambda usage: usage.cpu + (usage.children_cpu or 0.0)) or 0.0
    cores = next((one.health.usage.cores for one in step.sightings if one.health.usage is not None), None)
    delayed = rate_of(step, lambda usage: usage.loop_run_delay) or 0.0
    return delayed >= _DELAYED and own < OWN * (cores or 1.0)


def loop_busy(step: Step) -> float | None:
    """The loop's utilization, without the time in which its thread had no CPU: on a crowded machine passes are long although
    the loop does little."""
    busy = utilization(step)
    delayed = rate_of(step, lambda usage: usage.loop_run_delay) or 0.0
    return None if busy is None else max(0.0, busy - delayed)


def unserved(queue: QueueStatistics) -> int | None:
    """Callers that wait, and all that were not served since the queue was opened; None if those that wait are not observed."""
    return None if queue.waiting is None else queue.waiting + lost_callers(queue)


def lost_callers(queue: QueueStatistics) -> int:
    """Callers that left the queue without being served, since it was opened."""
    return (queue.rejected or 0) + (queue.timed_out or 0) + (queue.cancelled or 0)


def _slope(
    seen: Sequence[tuple[float, QueueStatistics]], count: Callable[[QueueStatistics], int | None]
) -> float | None:
    """The least-squares slope of a count over time: a single look may come in the middle of a burst."""
    points = [(at, value) for at, queue in seen if (value := count(queue)) is not None]
    return linear_regression(*zip(*points, strict=True)).slope if len(points) >= _LEAST else None


def mean_between(before: Summary | None, after: Summary | None) -> float | None:
    """The mean of what was recorded between two summaries of the same histogram."""
    if before is None or after is None or after.count <= before.count:
        return None
    return max(0.0, (after.count * after.mean - before.count * before.mean) / (after.count - before.count))


def named(seen: Sighting, name: str) -> QueueStatistics | None:
    """The queue of this name, if the service told of it."""
    return next((queue for queue in seen.health.queues if queue.name == name), None)
