"""Which of the stalls of calm steps costs the most, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from ..records.examination import Step
from ..records.health import StallFigures
from .growth import utilization

_LITTLE = 0.25  # of the time for which the loop was busy: other programs make some passes long
_MACHINE = "not running"  # the cause of stalls in which the process had no CPU
_Key = tuple[str, int, str, str]


def costly_stall(calm: Sequence[Step]) -> StallFigures | None:
    """The line and cause that cost most of the calm time, with its count, total and share of that time. Its cause is "none" if
    stalls were watched and there were none, or they were little of what the loop did; None if they were not watched."""
    added: dict[_Key, StallFigures] = {}
    watched = False
    for step in calm:
        seen = [one.health.stalls for one in step.sightings if one.health.stalls is not None]
        watched = watched or bool(seen)
        for first, then in pairwise(seen):
            known = {_key(stall): stall for stall in first}
            for stall in then:
                if stall.cause != _MACHINE:
                    key = _key(stall)
                    added[key] = _grown(added.get(key), stall, known.get(key))
    costly = max(added.values(), key=lambda stall: stall.total, default=None)
    worked = sum((utilization(step) or 0.0) * step.duration for step in calm)
    if costly is not None and costly.total > _LITTLE * worked:
        return costly
    none = StallFigures(filename="", lineno=0, function="", cause="none", count=0, total=0.0, longest=0.0)
    return none if watched else None


def _grown(so_far: StallFigures | None, now: StallFigures, before: StallFigures | None) -> StallFigures:
    """A row with what it grew by since the look before, on top of what it had grown by so far."""

    def added(figure: Callable[[StallFigures], float]) -> float:
        return figure(now) - (figure(before) if before else 0.0) + (figure(so_far) if so_far else 0.0)

    total, count = added(lambda stall: stall.total), added(lambda stall: stall.count)
    share = now.share if now.share is None or total <= 0 else min(1.0, max(0.0, added(_seen) / total))
    return replace(now, count=round(count), total=total, share=share)


def _seen(stall: StallFigures) -> float:
    """Seconds for which the line was seen."""
    return (stall.share or 0.0) * stall.total


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
