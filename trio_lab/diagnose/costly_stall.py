"""Which of the stalls of calm steps costs the most, and what is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise

from ..records.examination import Step
from ..records.health import StallFigures
from .growth import utilization

_LITTLE = 0.25  # of the time for which the loop was busy: other programs make some passes long
_MUCH = 0.5  # of that time, of all lines together
_ITS_OWN = ("python", "c call")  # causes of stalls that may have many lines and one reason
_MACHINE = "not running"  # the cause of stalls in which the process had no CPU
_Key = tuple[str, int, str, str]


def costly_stall(calm: Sequence[Step]) -> StallFigures | None:
    """The line and cause that cost most of the calm time, with its count, total and share of that time.

    If many lines cost much together and none of them does, they are told without a line. The cause is "none" if stalls were
    watched and there were none, or they were little of what the loop did. None if they were not watched.
    """
    tables = _tables(calm)
    added = list(_added(tables))
    costly = max(added, key=lambda stall: stall.total, default=None)
    worked = sum((utilization(step) or 0.0) * step.duration for step in calm)
    if costly is not None and costly.total > _LITTLE * worked:
        return costly
    its_own = [stall for stall in added if stall.cause in _ITS_OWN]
    if costly is not None and sum(stall.total for stall in its_own) > _MUCH * worked:
        return _together(its_own)
    none = StallFigures(filename="", lineno=0, function="", cause="none", count=0, total=0.0, longest=0.0)
    return none if any(tables) else None


def awaits_of_stalls(calm: Sequence[Step]) -> float | None:
    """Of all lines together, by the calm time that they cost: many awaits have many lines, and each is seen a few times."""
    told = [(stall.total, stall.awaits) for stall in _added(_tables(calm)) if stall.awaits is not None]
    spent = sum(total for total, _ in told)
    return sum(total * awaits for total, awaits in told) / spent if spent else None


def coroutines_of_stalls(calm: Sequence[Step]) -> float | None:
    """In how many coroutines the long passes of the calm time were: so many, equally common, would be as diverse (the inverse
    of Simpson's index). A line, or a function of many lines, blocks in the same one all the time."""
    spent: Counter[str] = Counter()
    for stall in _added(_tables(calm)):
        if stall.cause in _ITS_OWN:
            spent.update({number: round(seconds * 1e6) for number, seconds in stall.by_coroutines.items()})
    return spent.total() ** 2 / sum(one**2 for one in spent.values()) if spent.total() else None


def _together(stalls: Sequence[StallFigures]) -> StallFigures:
    by_cause = {cause: sum(stall.total for stall in stalls if stall.cause == cause) for cause in _ITS_OWN}
    return StallFigures(
        filename="",
        lineno=0,
        function="",
        cause=max(by_cause, key=by_cause.__getitem__),
        count=sum(stall.count for stall in stalls),
        total=sum(stall.total for stall in stalls),
        longest=max(stall.longest for stall in stalls),
    )


def _tables(calm: Sequence[Step]) -> list[list[tuple[StallFigures, ...]]]:
    """Those of each step, one for each look at which stalls were watched."""
    return [[one.health.stalls for one in step.sightings if one.health.stalls is not None] for step in calm]


def _added(tables: Sequence[Sequence[Sequence[StallFigures]]]) -> Iterable[StallFigures]:
    """What the rows of the tables have grown by within the steps. The machine's stalls are left out."""
    added: dict[_Key, StallFigures] = {}
    for first, then in chain.from_iterable(map(pairwise, tables)):
        known = {_key(stall): stall for stall in first}
        for stall in then:
            if stall.cause != _MACHINE:
                key = _key(stall)
                added[key] = _grown(added.get(key), stall, known.get(key))
    return added.values()


def _grown(so_far: StallFigures | None, now: StallFigures, before: StallFigures | None) -> StallFigures:
    """A row with what it grew by since the look before, on top of what it had grown by so far."""

    def added(figure: Callable[[StallFigures], float]) -> float:
        return figure(now) - (figure(before) if before else 0.0) + (figure(so_far) if so_far else 0.0)

    def part(share: Callable[[StallFigures], float | None]) -> float | None:
        """A share of the time, as it was of what the row grew by."""
        if share(now) is None or total <= 0:
            return share(now)
        return min(1.0, max(0.0, added(lambda stall: (share(stall) or 0.0) * stall.total) / total))

    total, count = added(lambda stall: stall.total), added(lambda stall: stall.count)
    share, awaits = part(lambda stall: stall.share), part(lambda stall: stall.awaits)
    coroutines = {number: max(0.0, added(partial(_spent_in, number))) for number in now.by_coroutines}
    return replace(now, count=round(count), total=total, share=share, awaits=awaits, by_coroutines=coroutines)


def _spent_in(number: str, stall: StallFigures) -> float:
    return stall.by_coroutines.get(number, 0.0)


def where(stall: StallFigures) -> str:
    task = f", task {stall.task}" if stall.task else ""
    return f"{stall.filename}:{stall.lineno} in {stall.function}{task}"


def _key(stall: StallFigures) -> _Key:
    """What a row of the table is about: several functions may share a line."""
    return stall.filename, stall.lineno, stall.function, stall.cause
