"""What an adaptive limit has to show, in virtual time: the cases, and how an algorithm does in them.

Two kinds of work. "cpu" computes on two cores, which requests in flight share: beyond two, each becomes slower. "wait" asks
a dependency that serves ten at once and lets the others wait, which nobody tells the limit. In both the callers have 0.3
seconds of patience, so a limit too high makes work for callers that have left, and one too low leaves the service idle.

A score is the goodput divided by that of the best fixed limit in the same case, found by a sweep. The other figure is the
mean limit divided by the nearest of the good fixed limits: those with at least 0.98 of the best goodput.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

from trio_lab.admission.by_patience import ByPatience
from trio_lab.admission.gate import Gate
from trio_lab.admission.limits.aimd import Aimd
from trio_lab.admission.limits.correlated import Correlated
from trio_lab.admission.limits.gradient2 import Gradient2
from trio_lab.admission.limits.limit import Limit
from trio_lab.admission.limits.neighbours import Neighbours
from trio_lab.admission.limits.vegas import Vegas
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers, Crowd
from trio_lab.simulate.events import Events
from trio_lab.simulate.lane import FastLane
from trio_lab.simulate.service import Cores, Downstream
from trio_lab.simulate.times import Times

PATIENCE = 0.3
CLIENTS = 100
CORES, HIDDEN = 2, 10
_RUN_TIMEOUT = 1.0
_SWEPT = {
    "cpu": (1, 2, 3, 4, 6, 8),
    "wait": (8, 10, 11, 14, 18),
}
_GOOD = 0.98
_MEAN = 0.045  # seconds of work

ALGORITHMS: dict[str, Callable[[int], Limit]] = {
    "neighbours (ours)": Neighbours,
    "AIMD": Aimd,
    "Vegas": Vegas,
    "Gradient2": Gradient2,
    "failsafe-go": Correlated,
}
OURS = "neighbours (ours)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """Seconds: before a fault, of the fault, until it is measured, and while it is measured."""

    before: float = 0.0
    fault: float = 0.0
    settle: float
    measured: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``start`` is a limit, ``load`` in capacities of the service (None: 100 closed clients).

    ``lengths`` are those of the quick form, for the suite, and of the full one, for the table in the documentation.
    """

    name: str
    work: Literal["cpu", "wait"]
    start: int
    lengths: dict[str, tuple[Length, Length]]
    load: float | None = None
    bimodal: bool = False
    fault: Literal["timeouts", "doubled"] | None = None

    def play(self, limit: Limit | int, length: Length, seed: int = 1) -> Score:
        """Run it with an algorithm, or with a fixed limit: that is always measured in the case's final state."""
        lane, crowd = self._lane(limit, seed)
        if isinstance(limit, Limit):
            self._lead_in(lane, length)
        elif self.fault == "doubled":
            lane.service.slow_down(2.0)
        lane.run(length.settle)
        served, limits = crowd.served, 0.0
        seconds = round(length.measured)
        for _ in range(seconds):
            lane.run(1.0)
            limits += lane.gate.capacity
        return Score(goodput=(crowd.served - served) / seconds, limit=limits / seconds)

    def _lane(self, limit: Limit | int, seed: int) -> tuple[FastLane, Crowd]:
        events = Events()
        gate = Gate(
            "service",
            capacity=limit if isinstance(limit, int) else limit.limit,
            discipline=ByPatience(random=Random(seed).random),
            limit=None if isinstance(limit, int) else limit,
        )
        service = Cores(events, CORES) if self.work == "cpu" else Downstream(events, HIDDEN)
        lane = FastLane(gate, service, seed=seed, run_timeout=_RUN_TIMEOUT if self.fault == "timeouts" else None)
        callers = Callers(service=self._service(), patience=Times(mean=PATIENCE), pause=Times(mean=0.002))
        if self.load is None:
            return lane, lane.close(callers, CLIENTS)
        capacity = (CORES if self.work == "cpu" else HIDDEN) / _MEAN
        return lane, lane.open(callers, Arrivals(rate=self.load * capacity))

    def _service(self) -> Times:
        if not self.bimodal:
            return Times(kind="lognormal", mean=_MEAN, sigma=0.3)
        short = _MEAN / 1.19  # one in a hundred takes twenty times as long
        return Times(kind="recorded", values=(short,) * 99 + (20 * short,))

    def _lead_in(self, lane: FastLane, length: Length) -> None:
        if self.fault is None:
            return
        lane.run(length.before)
        lane.service.slow_down(math.inf if self.fault == "timeouts" else 2.0)
        lane.run(length.fault)
        if self.fault == "timeouts":
            lane.service.slow_down(1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """``goodput`` in answers in time per second, ``limit`` the mean of the limits in force."""

    goodput: float
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """``share`` of the best fixed limit's goodput, ``limit`` the mean limit, ``distance`` from the good ones: 1.2 is a fifth
    above the highest of them, 0.8 a fifth below the lowest, 1 among them."""

    share: float
    limit: float
    distance: float

    @property
    def holds(self) -> bool:
        return self.share >= 0.95 and 0.8 <= self.distance <= 1.2


# The quick form serves five times as many requests a second where they wait, so it needs less time there.
_START = {
    "cpu": (Length(settle=30.0, measured=60.0), Length(settle=60.0, measured=240.0)),
    "wait": (Length(settle=20.0, measured=40.0), Length(settle=60.0, measured=240.0)),
}
_OVERLOAD = {
    "cpu": (Length(settle=100.0, measured=80.0), Length(settle=1500.0, measured=300.0)),
    "wait": (Length(settle=30.0, measured=50.0), Length(settle=1500.0, measured=300.0)),
}
_TIMEOUTS = {
    "cpu": (
        Length(before=20.0, fault=60.0, settle=10.0, measured=80.0),
        Length(before=60.0, fault=300.0, settle=10.0, measured=240.0),
    ),
    "wait": (
        Length(before=10.0, fault=30.0, settle=10.0, measured=20.0),
        Length(before=60.0, fault=300.0, settle=10.0, measured=240.0),
    ),
}
_DOUBLED = {
    "cpu": (
        Length(before=20.0, fault=10.0, settle=0.0, measured=80.0),
        Length(before=60.0, fault=10.0, settle=0.0, measured=240.0),
    ),
    "wait": (
        Length(before=10.0, fault=10.0, settle=0.0, measured=20.0),
        Length(before=60.0, fault=10.0, settle=0.0, measured=240.0),
    ),
}

CASES = (
    Case(name="cpu, from 1", work="cpu", start=1, lengths=_START),
    Case(name="cpu, from 10 ×", work="cpu", start=20, lengths=_START),
    Case(name="wait, from 1", work="wait", start=1, lengths=_START),
    Case(name="wait, from 10 ×", work="wait", start=100, lengths=_START),
    Case(name="99:1, from 1", work="wait", start=1, bimodal=True, lengths=_START),
    Case(name="99:1, from 10 ×", work="wait", start=100, bimodal=True, lengths=_START),
    Case(name="cpu, 1.3 × load", work="cpu", start=2, load=1.3, lengths=_OVERLOAD),
    Case(name="wait, 1.3 × load", work="wait", start=10, load=1.3, lengths=_OVERLOAD),
    Case(name="cpu, after timeouts", work="cpu", start=2, fault="timeouts", lengths=_TIMEOUTS),
    Case(name="wait, after timeouts", work="wait", start=10, fault="timeouts", lengths=_TIMEOUTS),
    Case(name="cpu, service doubled", work="cpu", start=2, fault="doubled", lengths=_DOUBLED),
    Case(name="wait, service doubled", work="wait", start=10, fault="doubled", lengths=_DOUBLED),
)


_Final = tuple[Literal["cpu", "wait"], float | None, bool, Literal["timeouts", "doubled"] | None]


@cache
def _goodput(final: _Final, limit: int, measured: float) -> float:
    work, load, bimodal, fault = final
    case = Case(name="", work=work, start=1, lengths=_START, load=load, bimodal=bimodal, fault=fault)
    return case.play(limit, Length(settle=4.0, measured=measured)).goodput


def sweep(case: Case, measured: float) -> dict[int, float]:
    """The goodput with each fixed limit. What differs only in how it got there is measured once."""
    fault = None if case.fault == "timeouts" else case.fault
    final = case.work, case.load, case.bimodal, fault
    return {limit: _goodput(final, limit, measured) for limit in _SWEPT[case.work]}


def compare(case: Case, algorithm: str, *, full: bool = False, seed: int = 1) -> Compared:
    """How an algorithm does in a case."""
    fixed = sweep(case, 120.0 if full else 25.0 if case.bimodal else 12.0)
    best = max(fixed.values())
    good = [limit for limit, goodput in fixed.items() if goodput >= _GOOD * best]
    score = case.play(ALGORITHMS[algorithm](case.start), case.lengths[case.work][full], seed)
    nearest = min(max(score.limit, good[0]), good[-1])
    return Compared(share=score.goodput / best, limit=score.limit, distance=score.limit / nearest)
