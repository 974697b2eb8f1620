"""Which queue takes in the callers of one load: conservation as under a ramp, for a load of any kind.

A closed workload never has more callers than clients. Its queues take them in when the load begins, and hold them; they do not
go on growing. So the load is compared as a whole with the moment before it. A queue has taken in

    callers waiting under the load - waiting before it + (rejected + timed out + cancelled) meanwhile

and this is compared with all callers that did not get the reply they wanted. Which queue is named is decided as under a ramp
(`onset`). An open load that is answered fills none, and a queue that is always full takes in nothing. A burst that drains does
not count, because the mean of all looks decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import fmean

from ..records.examination import Sighting, Step
from .growth import (
    CLEARLY,
    Grown,
    lost_callers,
    mean_between,
    named,
    offered_growth,
    queue_names,
    unserved,
    within,
)
from .onset import ACCEPT_BACKLOG, BUSY, NONE, RUN_QUEUE, UNSEEN, agreement, place

_SHARE = 0.1  # of the callers without a reply: they are not in a queue that took in fewer
_FEW = 0.5  # callers, on the mean of all looks
_SHORTLY = 0.5  # seconds: an earlier look may belong to another load


def first_to_gather(step: Step) -> str | None:
    """The queue that took in the callers of a load: "none" if none did, None if there are too few looks, or the callers wait
    where nothing is seen.

    The step's sightings begin before it, so that there is something to compare with.
    """
    load = _load(step)
    if len(load.sightings) < 2:
        return None
    if load.rate is not None and offered_growth(load) < CLEARLY * load.rate:
        return NONE
    taken = {name: found for name in queue_names([load]) if (found := _taken(load, name)) is not None}
    lost = _unanswered(load) / load.duration
    least = max(_FEW / load.duration, _SHARE * lost)
    held = [name for name, found in taken.items() if name != ACCEPT_BACKLOG and (found.waiting_growth or 0.0) >= least]
    name = place(load, taken, held, lost, [])
    if name != UNSEEN:
        return name
    return NONE if load.rate is None else None


def gathers_from(step: Step, name: str) -> float | None:
    """The moment of the step from which on the queue held more callers than before; None if it never did."""
    load = _load(step)
    before, looks = load.sightings[:1], load.sightings[1:]
    if name == RUN_QUEUE:
        return next((one.at for one in looks if (one.health.loop.utilization or 0.0) >= BUSY), None)
    start = _unserved(before[0], name) if before else None
    held = [(one.at, count - (start or 0)) for one in looks if (count := _unserved(one, name)) is not None]
    enough = _SHARE * max((count for _, count in held), default=0)
    late = [number for number, (_, count) in enumerate(held) if count <= enough]
    after = held[late[-1] + 1 :] if late else held
    return after[0][0] if after else None


def first_of(steps: Iterable[Step]) -> str | None:
    """The first queue that took in callers in one of these loads, in their order; "none" if none did, None if none of the
    loads could tell."""
    names = [name for step in steps if (name := first_to_gather(step)) is not None]
    return next((name for name in names if name != NONE), NONE) if names else None


def agreed(names: Sequence[str | None]) -> tuple[str | None, float | None]:
    """The name that most rounds gave, and how sure it is; both None if no round could tell."""
    told = [name for name in names if name is not None]
    if not told:
        return None, None
    name, times = Counter(told).most_common(1)[0]
    return name, agreement(times, len(told))


def _load(step: Step) -> Step:
    """The step with a single look from before it, which is moved to its begin, and with those until its last reply. A look at
    a loop that is blocked is answered late."""
    over = max([step.duration, *(piece.at for piece in step.pieces[-1:])])
    before = [one for one in step.sightings if -_SHORTLY <= one.at <= 0][-1:]
    meanwhile = [one for one in step.sightings if 0 < one.at <= over]
    return replace(step, sightings=(*(replace(one, at=0.0) for one in before), *meanwhile))


def _unanswered(load: Step) -> float:
    """Callers that came and did not get the reply they wanted. In a closed load these are the clients, and all that failed."""
    pieces = load.window(0.0)
    if load.rate is None:
        return load.clients + sum(piece.failed for piece in pieces)
    return max(0.0, load.rate * load.duration - sum(piece.ok for piece in pieces))


def _taken(load: Step, name: str) -> Grown | None:
    """What a queue has taken in, spread over the length of the load; None where that was not observed."""
    first, last = (named(load.sightings[at], name) for at in (0, -1))
    held = [queue for one in within(load) if (queue := named(one, name)) is not None and queue.waiting is not None]
    if first is None or last is None or first.waiting is None or not held:
        return None
    refused = max(0, lost_callers(last) - lost_callers(first))
    callers = fmean(queue.waiting or 0 for queue in held) - first.waiting + refused
    served = fmean(queue.in_service or 0 for queue in held) - (first.in_service or 0)
    return Grown(
        waiting_growth=callers / load.duration,
        in_service_growth=served / load.duration,
        served=mean_between(first.service, last.service),
        waiting=last.waiting,
        capacity=last.capacity,
    )


def _unserved(one: Sighting, name: str) -> int | None:
    queue = named(one, name)
    return None if queue is None else unserved(queue)
