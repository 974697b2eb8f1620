"""A scenario: everything that decides a simulation, as one record. The same record and seed give the same run.

It says who comes and how long they wait (`Workload`), what is behind the gate (``servers``, ``cores``, ``downstream``), how
the gate decides (`GateSettings`), and what goes wrong meanwhile (`Fault`, `Crash`). `play` runs one in the fast lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import inf, isfinite, prod
from operator import itemgetter
from random import Random
from typing import Literal, get_args

from ..admission.choice import chosen
from ..admission.class_gate import ClassGate
from ..admission.classes import NOT_OF_A_CLASS, Share
from ..admission.gate import Gate
from ..admission.limits.aimd import Aimd
from ..admission.limits.correlated import Correlated
from ..admission.limits.gradient2 import Gradient2
from ..admission.limits.limit import Limit
from ..admission.limits.neighbours import Neighbours
from ..admission.limits.vegas import Vegas
from ..config import DISCIPLINES, DisciplineName
from .arrivals import Arrivals
from .callers import Callers
from .times import Times

LimitName = Literal["fixed", "adaptive", "aimd", "vegas", "gradient2", "correlated"]
_LIMITS: dict[LimitName, type[Limit]] = {
    "adaptive": Neighbours,
    "aimd": Aimd,
    "vegas": Vegas,
    "gradient2": Gradient2,
    "correlated": Correlated,
}
FaultKind = Literal["slow", "dead", "flapping"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """How the gate in front of the servers decides; times in seconds. ``limit`` is "fixed", or how the number of places
    adapts; it begins at the number of servers. With ``by_tenant`` each kind of callers is a class with an equal share, and
    within a class the tenant is next that has held the fewest places lately. With ``autoscale`` there is one place at first,
    and at most as many as servers, by the rule of the pools: see `staffed`.

    Raises:
        ValueError: a setting makes no sense.
    """

    max_waiting: int | None = None
    queue_timeout: float | None = None
    run_timeout: float | None = None
    discipline: DisciplineName = "patience"
    limit: LimitName = "fixed"
    by_tenant: bool = False
    autoscale: bool = False

    def __post_init__(self) -> None:
        if self.discipline not in DISCIPLINES:
            raise ValueError(f"discipline must be one of {', '.join(DISCIPLINES)}, not {self.discipline!r}")
        if self.limit not in get_args(LimitName):
            raise ValueError(f"limit must be one of {', '.join(get_args(LimitName))}, not {self.limit!r}")
        if self.max_waiting is not None and self.max_waiting < 0:
            raise ValueError(f"max_waiting must not be negative, but is {self.max_waiting}")
        for name, value in (("queue_timeout", self.queue_timeout), ("run_timeout", self.run_timeout)):
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must not be negative, but is {value:g}")
        if self.autoscale and self.limit != "fixed":
            raise ValueError("either the limit adapts or the autoscaler decides: say one")
        if self.by_tenant and self.discipline in NOT_OF_A_CLASS:
            raise ValueError(
                f"discipline cannot be {self.discipline!r} with by_tenant, which makes a class of each kind"
            )
        if self.run_timeout == 0:
            raise ValueError("run_timeout must be over 0")

    def make(self, servers: int, kinds: tuple[str, ...], seed: int) -> Gate:
        """A new gate with so many places, for callers of these kinds."""
        limit = None if self.limit == "fixed" else _LIMITS[self.limit](max(1, servers))
        draw = Random(seed).random
        if self.by_tenant:
            return ClassGate(
                "queue",
                capacity=servers,
                shares={kind: Share(share=1.0) for kind in kinds},
                max_waiting=self.max_waiting,
                queue_timeout=self.queue_timeout,
                discipline=self.discipline,
                by_tenant=True,
                limit=limit,
                random=draw,
            )
        return Gate(
            "queue",
            capacity=servers,
            max_waiting=self.max_waiting,
            queue_timeout=self.queue_timeout,
            discipline=chosen(self.discipline, draw),
            limit=limit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Callers, and how they come: at the moments of ``arrivals`` (open), or as so many ``clients`` that each send their next
    request when the last has ended (closed). Requests come from ``start`` until ``end``."""

    callers: Callers
    arrivals: Arrivals | None = None
    clients: int = 0
    start: float = 0.0
    end: float = inf

    def __post_init__(self) -> None:
        if (self.arrivals is None) == (self.clients <= 0):
            raise ValueError("a workload has either arrivals or clients")
        callers = self.callers
        if self.clients and not callers.think.expected and not (callers.service.expected and callers.pause.expected):
            raise ValueError(
                "clients need a service time and a pause, or a time to think: else no time would ever pass"
            )
        if not 0 <= self.start < self.end:
            raise ValueError(f"a workload must start at 0 or later, and before its end, not at {self.start:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The service is faulty from ``at`` on for so many ``seconds``: "slow" takes ``slowness`` times as long, "dead" does not
    answer at all, "flapping" is dead for one ``period``, well for the next, and so on."""

    kind: FaultKind
    at: float
    seconds: float
    slowness: float = 3.0
    period: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"kind must be one of {', '.join(get_args(FaultKind))}, not {self.kind!r}")
        if not 0 <= self.at < inf:
            raise ValueError(f"at must be a moment from 0 on, not {self.at:g}")
        for name, value in (("seconds", self.seconds), ("slowness", self.slowness), ("period", self.period)):
            if not 0 < value < inf:
                raise ValueError(f"{name} must be over 0 and finite, not {value:g}")

    def changes(self) -> Iterator[tuple[float, float]]:
        """(when, how many times as long the service takes from then on), the last of which ends the fault."""
        end = self.at + self.seconds
        if self.kind == "flapping":
            moment, number = self.at, 0
            while moment < end:
                yield moment, 1.0 if number % 2 else inf
                number += 1
                moment = self.at + number * self.period
        else:
            yield self.at, self.slowness if self.kind == "slow" else inf
        yield end, 1.0


def slowness(faults: Sequence[Fault]) -> Iterator[tuple[float, float]]:
    """(when, how many times as long the service takes from then on) in order, with so many faults. Where several overlap, what
    takes twice as long by one and three times as long by another takes six times as long."""
    changes = sorted((moment, number, slow) for number, one in enumerate(faults) for moment, slow in one.changes())
    slow_by = [1.0] * len(faults)
    for moment, at_once in groupby(changes, key=itemgetter(0)):
        for _, number, slow in at_once:
            slow_by[number] = slow
        yield moment, prod(slow_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """All workers die at a moment, and those that are started in the ``seconds`` after it as soon as they are ready. When they
    are started again is the pools' restart budget's to say: see `staffed`."""

    at: float
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.at < inf and 0 <= self.seconds < inf):
            raise ValueError(f"a crash must be at a moment from 0 on, not {self.at:g}, and last from 0 s on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """``servers`` serve at once, each its own request; if they share ``cores``, all become slower when there are more of them
    than cores; behind them may be a ``downstream`` that serves so many at once, which the gate does not know. An event ``loop``
    that needs so many seconds for each request serves one at a time.

    It lasts for so many ``seconds``, or until so many ``requests`` have come and ended, or no more of them come. Figures count
    from ``warm_up`` on.

    Raises:
        ValueError: a value makes no sense.
    """

    workloads: tuple[Workload, ...]
    servers: int = 1
    cores: int | None = None
    downstream: int | None = None
    loop: float = 0.0
    gate: GateSettings = field(default_factory=GateSettings)
    faults: tuple[Fault, ...] = ()
    crashes: tuple[Crash, ...] = ()
    seconds: float | None = None
    requests: int | None = None
    warm_up: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.workloads:
            raise ValueError("a scenario needs a workload")
        for name, value in (("servers", self.servers), ("cores", self.cores), ("downstream", self.downstream)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if self.crashes and self.gate.limit != "fixed":
            raise ValueError("workers that crash need a fixed limit")
        if self.gate.autoscale and self.seconds is None:
            raise ValueError("an autoscaler looks again and again: say seconds, not requests")
        if self.cores is not None and self.downstream is not None:
            raise ValueError("say either cores or downstream")
        if not 0 <= self.loop < inf:
            raise ValueError(f"loop must not be negative, but is {self.loop:g}")
        if (self.seconds is None) == (self.requests is None):
            raise ValueError("say how long: either seconds or requests")
        if self.seconds is not None and not (isfinite(self.seconds) and self.seconds > 0):
            raise ValueError(f"seconds must be over 0, not {self.seconds:g}")
        if self.requests is not None and self.requests < 1:
            raise ValueError(f"requests must be at least 1, not {self.requests}")
        if not 0 <= self.warm_up < (self.seconds or inf):
            raise ValueError(f"warm_up must be from 0 to less than the seconds, not {self.warm_up:g}")

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(work.callers.kind for work in self.workloads))

    @property
    def able(self) -> int:
        """How many requests make progress at full speed at once."""
        return min(self.servers, self.cores or self.servers, self.downstream or self.servers)

    @property
    def rate(self) -> float:
        """Requests a second that come first, whatever happens to them; 0 where all workloads are closed."""
        return sum(work.arrivals.mean_rate for work in self.workloads if work.arrivals is not None)

    @property
    def service(self) -> float:
        """The mean of the work of a request in seconds: of the open workloads weighted by their rates."""
        weights = [work.arrivals.mean_rate if work.arrivals else 0.0 for work in self.workloads]
        if not sum(weights):  # all are closed, or traces of one moment
            weights = [float(work.clients or 1) for work in self.workloads]
        means = [work.callers.service.expected for work in self.workloads]
        return sum(weight * mean for weight, mean in zip(weights, means, strict=True)) / sum(weights)

    @property
    def load(self) -> float:
        """What comes ÷ what can be served."""
        return self.rate * self.service / self.able

    def at_rate(self, rate: float) -> Scenario:
        """The same with another rate, shared by its open workloads as before.

        Raises:
            ValueError: none has a rate, or this is none.
        """
        if not self.rate:
            raise ValueError("there is no rate: the workload is closed")
        if not 0 < rate < inf:
            raise ValueError(f"rate must be over 0 and finite, not {rate:g}")
        factor = rate / self.rate
        return replace(self, workloads=tuple(_faster(work, factor) for work in self.workloads))

    def with_callers(self, *, service: Times | None = None, patience: Times | None = None) -> Scenario:
        """The same with another service or patience of all callers."""
        changes = {name: times for name, times in (("service", service), ("patience", patience)) if times is not None}
        workloads = (replace(work, callers=replace(work.callers, **changes)) for work in self.workloads)  # type: ignore[arg-type]
        return replace(self, workloads=tuple(workloads))


def _faster(work: Workload, factor: float) -> Workload:
    return work if work.arrivals is None else replace(work, arrivals=work.arrivals.faster(factor))
