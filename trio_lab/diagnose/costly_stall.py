"""Which of the stalls of calm steps costs the most, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..records.examination import Step
from ..records.health import StallFigures
from .growth import utilization

_LITTLE = 0.25  # of the time for which the loop was busy: other programs make some passes long
_MACHINE = "not running"  # the cause of stalls in which the process had no CPU
_Key = tuple[str, int, str, str]


def costly_stall(calm: Sequence[Step]) -> StallFigures | None:
    """The line and cause that cost most of the calm time. Its cause is "none" if stalls were watched and there were none, or
    they were little of what the loop did; None if they were not watched."""
    before: dict[_Key, StallFigures] = {}
    added: dict[_Key, float] = {}
    watched = False
    for step in calm:
        seen = [one.health.stalls for one in step.sightings if one.health.stalls is not None]
        watched = watched or bool(seen)
        for first, then in pairwise(seen):
            known = {_key(stall): stall.total for stall in first}
            for stall in then:
                if stall.cause == _MACHINE:
                    continue
                key = _key(stall)
                before[key] = stall
                added[key] = added.get(key, 0.0) + stall.total - known.get(key, 0.0)
    costly = max(added, key=added.__getitem__, default=None)
    worked = sum((utilization(step) or 0.0) * step.duration for step in calm)
    if costly is not None and added[costly] > _LITTLE * worked:
        return before[costly]
    none = StallFigures(filename="", lineno=0, function="", cause="none", count=0, total=0.0, longest=0.0)
    return none if watched else None


def awaits_of_stalls(calm: Sequence[Step]) -> float | None:
    """Of all lines together, by the time that they cost: many awaits have many lines, and each is seen a few times."""
    tables = [one.health.stalls for step in calm for one in step.sightings if one.health.stalls is not None]
    rows = [(stall.total, stall.awaits) for stall in (tables[-1] if tables else ()) if stall.cause != _MACHINE]
    told = [(total, awaits) for total, awaits in rows if awaits is not None]
    spent = sum(total for total, _ in told)
    return sum(total * awaits for total, awaits in told) / spent if spent else None


def where(stall: StallFigures) -> str:
    task = f", task {stall.task}" if stall.task else ""
    return f"{stall.filename}:{stall.lineno} in {stall.function}{task}"


def _key(stall: StallFigures) -> _Key:
    """What a row of the table is about: several functions may share a line."""
    return stall.filename, stall.lineno, stall.function, stall.cause
