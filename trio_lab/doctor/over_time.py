"""The steps of an examination one after the other, as one timeline: load, queues and loop. The pauses between steps are left
out, because they are not recorded."""

from __future__ import annotations

from itertools import pairwise

from ..diagnose.gathering import gathers_from
from ..diagnose.onset import NONE
from ..records.examination import Examination, Step
from ..records.timeline import Phase, Timeline
from ..stage.load_step import Look
from ..stage.track import timeline

_CLOSED, _OPEN = "so many clients", "at a rate"
_GROUP = 5  # intervals of which a mean is drawn: one alone has a handful of replies


def over_time(examination: Examination, first: str | None) -> Timeline | None:
    """None when nothing was seen inside. ``first`` is the queue that fills first; the timeline says from when on it did, in the
    first step of the ramp in which it held more callers than before."""
    looks: list[Look] = []
    phases: list[Phase] = []
    begin, marked = 0.0, first in (None, NONE)
    for step in examination.steps:
        looks += [(begin + one.at, one.health) for one in step.sightings]
        since = None if marked or step.part != "ramp" else gathers_from(step, first or NONE)
        marked = marked or since is not None
        if step.part != "rest":
            phases.append(_phase(step, begin, first if since is not None else None, since))
        begin += _lasted(step)
    return timeline(looks, phases) if looks else None


def _phase(step: Step, begin: float, first: str | None, since: float | None) -> Phase:
    widths = [(one.at, then.at - one.at, one.ok) for one, then in pairwise(step.pieces) if then.at > one.at]
    return Phase(
        name=_CLOSED if step.rate is None else _OPEN,
        begin=begin,
        end=begin + step.duration,
        replies=tuple(_smoothed([(begin + at + width / 2, ok / width) for at, width, ok in widths])),
        first_full=first,
        full_at=None if since is None else begin + since,
        offered=step.rate,
    )


def _smoothed(replies: list[tuple[float, float]]) -> list[tuple[float, float]]:
    groups = [replies[at : at + _GROUP] for at in range(0, len(replies), _GROUP)]
    return [(sum(at for at, _ in one) / len(one), sum(rate for _, rate in one) / len(one)) for one in groups]


def _lasted(step: Step) -> float:
    ends = [one.at for one in step.sightings[-1:]] + [one.at for one in step.pieces[-1:]]
    return max([step.duration, *ends])
