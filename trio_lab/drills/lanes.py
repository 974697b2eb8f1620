"""Scenarios drawn at random, each played in the fast lane and in the truth lane, whose logs must be equal.

Half of the durations are multiples of a quarter of a second, so that much falls on one moment: ties are where two lanes are
most likely to differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any

from ..simulate.arrivals import Arrivals
from ..simulate.callers import Callers
from ..simulate.events import COME, END, Events
from ..simulate.log import first_difference
from ..simulate.scenario import Fault, GateSettings, Scenario, Workload
from ..simulate.times import Times
from ..testing.rehearsal import Rehearsal, Through, rehearse, rehearse_fast

_PLACES: tuple[Through, ...] = ("bulkhead", "threads", "bulkhead", "workers")
_DISCIPLINES: Any = ("patience", "patience", "fifo", "lifo", "adaptive-lifo", "codel", "fair", "priority")
_LIMITS: Any = ("fixed", "fixed", "adaptive", "aimd", "vegas", "gradient2", "correlated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One scenario in both lanes. ``digest`` is of the truth lane's log; ``difference`` is in words, empty if there is none."""

    digest: str
    entries: int
    difference: str


def compare(number: int, events: Callable[[float], Events] = Events) -> Compared:
    """Play scenario ``number`` in both lanes; the fast lane has its time from ``events``."""
    through = _PLACES[number % len(_PLACES)]
    scenario = drawn(number, through)
    truth, fast = rehearse(scenario, through), rehearse_fast(scenario, events)
    digest = hashlib.sha256(repr(truth).encode()).hexdigest()
    return Compared(digest=digest, entries=len(truth.log), difference=_told(number, through, truth, fast))


def _told(number: int, through: Through, truth: Rehearsal, fast: Rehearsal) -> str:
    if (found := first_difference(truth.log, fast.log)) is not None:
        position, here, there = found
        return f"scenario {number} ({through}), entry {position}: {here} in the truth lane, {there} in the fast lane"
    if truth.counts != fast.counts:
        return f"scenario {number} ({through}): counts {truth.counts} in the truth lane, {fast.counts} in the fast lane"
    if truth.statistics is not None and truth.statistics != fast.statistics:
        return (
            f"scenario {number} ({through}): {truth.statistics} in the truth lane, {fast.statistics} in the fast lane"
        )
    return ""


def drawn(number: int, through: Through) -> Scenario:
    """Scenario ``number`` of all that can be played through this."""
    random = Random(number)
    bare = through == "bulkhead"
    # The worker pool serves deadlines that lie within 10 ms together. So its queue timeout is tried where all lie on a grid.
    on_grid = through == "workers" and random.random() < 0.5
    by_tenant = bare and random.random() < 0.15
    gate = GateSettings(
        max_waiting=random.choice((None, 0, 2, 5, 20)),
        queue_timeout=(0.5 if on_grid else None) if through == "workers" else random.choice((None, None, 0.5, 1.1)),
        run_timeout=random.choice((None, None, 0.5, 0.7)) if bare else None,
        discipline=random.choice(_DISCIPLINES[:-2] if by_tenant else _DISCIPLINES),
        limit=random.choice(_LIMITS) if bare else "fixed",
        by_tenant=by_tenant,
    )
    shared = random.choice(("", "", "cores", "downstream")) if through != "workers" else ""
    return Scenario(
        workloads=tuple(_workloads(random, on_grid)),
        servers=random.choice((1, 2, 4)),
        cores=2 if shared == "cores" else None,
        downstream=2 if shared == "downstream" else None,
        loop=random.choice((0.0, 0.0, 0.0, 0.0625)) if through != "workers" else 0.0,
        gate=gate,
        faults=tuple(_faults(random)),
        seconds=random.choice((5.0, 7.5)),
        seed=number,
    )


def _workloads(random: Random, on_grid: bool) -> Iterator[Workload]:
    for n in range(random.choice((1, 1, 2, 3))):
        callers = Callers(
            service=_times(random, 0.25, on_grid),
            patience=random.choice((None, _times(random, 0.75, on_grid))),
            retries=random.choice((0, 1, 3)),
            pause=_times(random, 0.25, on_grid),
            backoff=random.choice((1.0, 2.0)),
            think=_times(random, 0.5, on_grid),
            kind=f"kind {n % 2}",
            tenant=f"tenant {n}",
            priority=n,
        )
        start = random.choice((0.0, 0.0, 1.0))
        if random.random() < 0.25:
            yield Workload(callers=callers, clients=random.choice((1, 4)), start=start)
        else:
            yield Workload(
                callers=callers, arrivals=_arrivals(random, on_grid), start=start, end=random.choice((inf, 4.0))
            )


def _arrivals(random: Random, on_grid: bool) -> Arrivals:
    if on_grid:
        return Arrivals(kind="constant", rate=random.choice((4.0, 8.0, 16.0)))
    kind: Any = random.choice(("constant", "poisson", "bursts", "trace"))
    moments = tuple(sorted(random.choice((0.25, 0.1)) * random.randrange(30) for _ in range(30)))
    return Arrivals(
        kind=kind, rate=random.choice((4.0, 8.0, 12.0)), burst=4, moments=moments if kind == "trace" else ()
    )


def _times(random: Random, mean: float, on_grid: bool) -> Times:
    if on_grid or random.random() < 0.5:
        return Times(kind="constant", mean=mean * random.choice((1, 1, 2)))
    kind: Any = random.choice(("exponential", "lognormal", "recorded"))
    return Times(kind=kind, mean=mean, values=(mean / 2, mean, 3 * mean) if kind == "recorded" else ())


def _faults(random: Random) -> Iterator[Fault]:
    kinds: Any = random.choice(((), (), ("slow",), ("dead",), ("flapping",), ("slow", "dead")))
    for kind in kinds:
        at, seconds = random.choice(((1.0, 1.0), (2.0, 1.5), (2.3, 0.9)))
        yield Fault(kind=kind, at=at, seconds=seconds, period=0.25)


class _Swapped(Events):
    """Requests come before places are given back at the same moment."""

    def at(self, time: float, act: Callable[[Any], object], subject: Any = None, rank: int = END) -> None:
        super().at(time, act, subject, {END: COME, COME: END}.get(rank, rank))


def play(count: int, *, swapped: bool = False) -> list[Compared]:
    """The first so many scenarios. If ``swapped``, the fast lane lets requests come before places are given back at the same
    moment: the difference that the control of the drill must find."""
    events = _Swapped if swapped else Events
    return [compare(number, events) for number in range(count)]
