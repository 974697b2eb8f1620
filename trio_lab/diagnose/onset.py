"""Which queue fills first, and at which load that begins.

Under too much load one place in the service takes in more than it gives out, and callers gather before it. Where they
gather is not always where the fault is: a place that is held around a smaller inner queue fills as well, and then holds
most of those that wait. So of the queues in which callers gather, the **innermost whose service time is flat** is named:
what takes as long as without load is not waiting for anything further in.

Callers that no queue accounts for stand before the app if the loop is busy, or the accept backlog grows; otherwise they
wait for something that is not seen, such as a lock. Callers that are being served in ever greater number by something
without a capacity are in a call outwards.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from ..records.diagnosis import Growth
from ..records.examination import Examination, Step
from . import hinge
from .growth import (
    CLEARLY,
    IN_FRONT,
    Grown,
    disturbed,
    grown,
    loop_busy,
    offered_growth,
    queue_names,
    quiet_steps,
    utilization,
    within,
)
from .mean_interval import mean_interval
from .saturation import SHARED_DRIFT, last_rounds, saturation

NONE, RUN_QUEUE, ACCEPT_BACKLOG, UNSEEN = "none", "run_queue", "accept_backlog", "unseen"
_LEAST_GROWTH = 0.03  # of the generator's growth
_MOST = 0.5  # of the generator's growth
_MUCH = 0.4  # of the time of a request
_SLOWER = 2.0  # times the service time without load
_FLAT = 1.5  # times the service time without load
# A cheap URL that takes so many times as long waits for the loop. Measured: 9 if the loop is blocked, 1 if a pool is full.
_LATER_PROBE = 3.0
BUSY = 0.85
"""Loop utilization from which tasks practically always wait."""
_RATHER_BUSY = 0.7  # from there on they often do


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The queue that fills first. ``name`` is "none" when none grew, None when there was no view to tell."""

    name: str | None
    confidence: float | None
    queues: tuple[Growth, ...] = ()

    def growth(self) -> Growth | None:
        """The growth of the named queue. Waiting in the run queue is not observed, so its growth is what no other queue
        accounts for."""
        name = UNSEEN if self.name == RUN_QUEUE else self.name
        return next((queue for queue in self.queues if queue.name == name), None)


def first_to_fill(examination: Examination) -> First:
    """The first queue to fill in the last rounds of the ramp."""
    rounds = last_rounds(examination.steps)
    if not rounds:
        return First(name=None, confidence=None)
    overloads = _least_overloads(rounds)
    quiet = quiet_steps(examination)
    queues = _queues(rounds, quiet)
    if saturation(examination.steps) is None and _answers_all(rounds):
        return First(name=NONE, confidence=agreement(len(rounds), len(rounds)), queues=queues)
    named = [name for step in overloads if (name := _first_in(step, quiet)) is not None]
    if not named:
        return First(name=None, confidence=None, queues=queues)
    name, times = Counter(named).most_common(1)[0]
    return First(name=name, confidence=agreement(times, len(named)), queues=queues)


def _answers_all(rounds: Sequence[Mapping[float, Step]]) -> bool:
    """Whether even the highest rate is answered, but for what a step keeps in flight."""
    tops = [one[max(one)] for one in rounds]
    return fmean(map(offered_growth, tops)) < CLEARLY * (tops[-1].rate or 0.0)


def _least_overloads(rounds: Sequence[Mapping[float, Step]]) -> list[Step]:
    """The steps at the lowest rate that is clearly too much in most rounds. In a single one another program may have been the
    reason, and in a disturbed step: such steps count only if no other is too much. So do steps in which no queue was seen to
    grow, because the service told too little of itself. At higher rates another queue may fill as well, and hold more."""

    def only(of: Callable[[Step], bool]) -> list[dict[float, Step]]:
        return [{nominal: step for nominal, step in one.items() if of(step) and not disturbed(step)} for one in rounds]

    seen_inside, told = only(lambda step: len(within(step)) > 1), only(lambda step: bool(step.sightings))
    for seen in (seen_inside, told, rounds):
        for nominal in sorted(rounds[-1]):
            steps = [one[nominal] for one in seen if nominal in one]
            clearly = [step for step in steps if offered_growth(step) >= CLEARLY * (step.rate or 0.0)]
            if steps and median(map(offered_growth, steps)) >= CLEARLY * (steps[-1].rate or 0.0):
                return clearly
    return [one[max(one)] for one in rounds]


def agreement(times: int, rounds: int) -> float:
    """How sure a name is if ``times`` of the rounds gave it: below 1 always, and 0.5 after a single round."""
    return (times + 0.5) / (rounds + 2) if rounds == 1 else (times + 0.5) / (rounds + 1)


def _first_in(step: Step, quiet: Sequence[Step]) -> str | None:
    """The queue that fills in one overloaded step; None when there is no view inside."""
    found = {name: one for name in queue_names([step]) if (one := grown(step, name)) is not None}
    if not found:  # it tells nothing in time, or never did
        late = probe_waits(step, quiet) or (utilization(step) or 0.0) >= BUSY
        return RUN_QUEUE if late and any(one.sightings for one in quiet) else None
    lost = offered_growth(step)
    return place(step, found, [name for name, one in found.items() if _gathers(name, one, quiet, lost)], lost, quiet)


def place(step: Step, found: Mapping[str, Grown], gathering: Sequence[str], lost: float, quiet: Sequence[Step]) -> str:
    """Where most of the ``lost`` callers a second are: in one of the queues in which callers are ``gathering``, before the
    app, or where nothing is seen. ``found`` has all queues; they are compared with the ``quiet`` steps."""
    told = sum(max(0.0, found[name].waiting_growth or 0.0) for name in gathering)
    outwards = [name for name, one in found.items() if name not in IN_FRONT and _goes_out(one, lost)]
    if outwards and told < _MOST * lost:
        return outwards[-1]
    if gathering and (told >= _MOST * lost or not _loop_busy(step)):
        return _innermost_flat(gathering, found, quiet)
    sharing = [name for name, one in found.items() if _shares(one, lost) or _takes_most(name, one, step, quiet)]
    if sharing and not _loop_busy(step):
        return _innermost_flat(sharing, found, quiet)
    return _before_the_app(step, found, lost, quiet)


def probe_waits(step: Step, quiet: Sequence[Step]) -> bool:
    """Whether a cheap URL waits as well, and so for the loop. A loop that is blocked may not tell its health in time."""
    before = [one.probe for one in quiet if one.probe]
    return step.probe is not None and bool(before) and step.probe >= _LATER_PROBE * min(before)


def _before_the_app(step: Step, found: Mapping[str, Grown], lost: float, quiet: Sequence[Step]) -> str:
    """Where callers wait that no queue accounts for. A loop without a CPU keeps them waiting as a busy one does. A cheap URL
    may wait for the machine too, so it is believed only if the loop was not idle for much of the time."""
    used = utilization(step)
    if (used or 0.0) >= BUSY:
        return RUN_QUEUE
    backlog = found.get(ACCEPT_BACKLOG)
    if backlog is not None and (backlog.waiting_growth or 0.0) >= _LEAST_GROWTH * lost:
        return ACCEPT_BACKLOG
    return RUN_QUEUE if probe_waits(step, quiet) and (used is None or used >= _RATHER_BUSY) else UNSEEN


def _gathers(name: str, one: Grown, quiet: Sequence[Step], lost: float) -> bool:
    """Whether callers gather in this queue: it grows, or holds more than it did without load."""
    if name == ACCEPT_BACKLOG or one.waiting_growth is None:
        return False
    held = [found.waiting or 0 for step in quiet if (found := grown(step, name)) is not None]
    more = (one.waiting or 0) - (max(held) if held else 0)
    return one.waiting_growth >= 0.1 * lost or more >= 3


def _shares(one: Grown, lost: float) -> bool:
    """Whether it has places left and serves ever more callers at once, each of them more slowly: jobs that share the CPU in a
    pool of many places."""
    return one.capacity is not None and (one.in_service_growth or 0.0) >= _MOST * lost > 0


def _takes_most(name: str, one: Grown, step: Step, quiet: Sequence[Step]) -> bool:
    """Whether it has places, and requests spend much of their time being served there, for longer than without load. Its
    places may be taken before a short step begins, and then do not grow."""
    slower = (service_ratio(one, name, quiet) or 0.0) >= _SLOWER
    has_places = one.capacity is not None and name not in IN_FRONT
    return has_places and slower and (one.served or 0.0) >= _MUCH * (step.p50 or math.inf)


def _goes_out(one: Grown, lost: float) -> bool:
    """Whether it is a call outwards that serves ever more callers at once."""
    return one.capacity is None and (one.in_service_growth or 0.0) >= _MOST * lost


def _innermost_flat(gathering: Sequence[str], found: Mapping[str, Grown], quiet: Sequence[Step]) -> str:
    """The last queue that serves as fast as without load; if all are slower, the one that slowed down least."""
    ratios = {name: service_ratio(found[name], name, quiet) for name in gathering}
    flat = [name for name in gathering if (ratio := ratios[name]) is not None and ratio <= _FLAT]
    if flat:
        return flat[-1]
    known = {name: ratio for name, ratio in ratios.items() if ratio is not None}
    return min(known, key=known.__getitem__) if known else gathering[-1]


def service_ratio(one: Grown, name: str, quiet: Sequence[Step]) -> float | None:
    """The mean service time ÷ that without load; None when either was not seen."""
    before = [found.served for step in quiet if (found := grown(step, name)) is not None and found.served]
    return one.served / median(before) if one.served is not None and before else None


def _loop_busy(step: Step) -> bool:
    return (loop_busy(step) or 0.0) >= BUSY


def _queues(rounds: Sequence[Mapping[float, Step]], quiet: Sequence[Step]) -> tuple[Growth, ...]:
    """Every queue that was seen, and the growth that none of them accounts for."""
    steps = [step for one in rounds for step in one.values()]
    names = queue_names(steps)
    tracks = {name: [_curve(one, name) for one in rounds] for name in names}
    if names:
        tracks[UNSEEN] = [_unaccounted(one, names) for one in rounds]
    return tuple(_growth(name, curves, rounds, quiet) for name, curves in tracks.items() if any(curves))


def _curve(one: Mapping[float, Step], name: str) -> list[hinge.Point]:
    """(rate, growth) of the steps of a round in which the queue was seen."""
    seen = [(step.rate or 0.0, grown(step, name)) for step in one.values()]
    return [(rate, found.held_growth) for rate, found in seen if found and found.held_growth is not None]


def _unaccounted(one: Mapping[float, Step], names: Sequence[str]) -> list[hinge.Point]:
    points = []
    for step in one.values():
        seen = [grown(step, name) for name in names]
        held = sum(max(0.0, found.held_growth or 0.0) for found in seen if found)
        points.append((step.rate or 0.0, max(0.0, offered_growth(step) - held)))
    return points


def _growth(
    name: str, curves: Sequence[list[hinge.Point]], rounds: Sequence[Mapping[float, Step]], quiet: Sequence[Step]
) -> Growth:
    begun = [at for curve in curves if (at := hinge.onset(curve)) is not None]
    together = hinge.onset(_means(curves))
    told = together is not None and len(begun) > len(curves) / 2
    at_top = [max(curve)[1] for curve in curves if curve]
    ratios = [ratio for one in rounds if (ratio := _full_ratio(name, one, quiet)) is not None]
    return Growth(
        name=name,
        growth=fmean(at_top),
        onset_load=together,
        onset_interval=mean_interval(begun, widen=SHARED_DRIFT) if told else None,
        service_ratio=median(ratios) if ratios else None,
    )


def _full_ratio(name: str, one: Mapping[float, Step], quiet: Sequence[Step]) -> float | None:
    """The service time ÷ that without load at the highest rate of a round at which the queue was seen, if that was too much."""
    for nominal in sorted(one, reverse=True):
        step = one[nominal]
        too_much = nominal == max(one) or offered_growth(step) >= CLEARLY * (step.rate or 0.0)
        if too_much and (found := grown(step, name)) is not None:
            return service_ratio(found, name, quiet)
    return None


def _means(curves: Sequence[list[hinge.Point]]) -> list[hinge.Point]:
    by_rate: dict[float, list[float]] = {}
    for curve in curves:
        for rate, growth in curve:
            by_rate.setdefault(rate, []).append(growth)
    return [(rate, fmean(found)) for rate, found in by_rate.items()]
