"""How many hosts a load needs, and with which bounds: the smallest number that serves it in time, by simulation.

The queue of a host may hold what the host can serve within the time that is left for waiting. With a longer queue requests
would be late instead of refused. So a plan fails by refusing too many. Whether a number of hosts is enough is simulated with at
most `_SAMPLE` of them, each of which gets its share of the load; the plan itself is simulated with all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import Annotated

from ..errors import UsageError
from ..records.codec import Ratio
from .cluster import DISPATCHES, Dispatch, Hosts, Served, serve
from .outcome import Duration
from .scenario import GateSettings
from .sensitivity import Bound, sensitivities
from .times import Times

MOST_HOSTS = 1_000
REFUSED = 0.001  # share of the requests that a plan may refuse
# Of the cores' time that may be used. Fuller, queues need minutes to become what they will be, far longer than is simulated;
# and a load that is a little more than expected would be more than can be served.
MOST_LOAD = 0.85
_SAMPLE = 50  # hosts
# Requests to tell whether a number of hosts is enough: with the most, about 16 refusals are at the limit.
_LEAST, _EACH, _MOST = 6_000, 1_000, 20_000  # at least, for each core, and at most
_SETTLED = 15  # requests that each core must have served, before the queues are what they will be


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """``rate`` requests a second, 99 % of which must be answered within ``p99`` seconds, on hosts with so many ``cores``.

    ``service`` is how long a request keeps a core busy, and ``overhead`` what the event loop and the protocol add to that.
    """

    rate: float
    p99: float
    service: Times
    cores: int
    overhead: float = 0.0
    dispatch: Dispatch = "two-choices"
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.overhead < inf:
            raise UsageError(f"overhead must not be negative, but is {self.overhead:g}")
        for name in ("rate", "p99"):
            if not 0 < getattr(self, name) < inf:
                raise UsageError(f"{name} must be over 0, not {getattr(self, name):g}")
        if not self.work.expected:
            raise UsageError("service must be over 0: requests that take no time need no cores")
        if self.cores < 1:
            raise UsageError(f"cores-per-host must be at least 1, not {self.cores}")
        if self.dispatch not in DISPATCHES:
            raise UsageError(f"dispatch must be one of {', '.join(DISPATCHES)}, not {self.dispatch!r}")

    @property
    def work(self) -> Times:
        """How long a request keeps a core busy, with the overhead."""
        mean = self.service.expected
        return self.service.scaled(1 + self.overhead / mean) if mean else Times(mean=self.overhead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The plan with another dispatch tier."""

    dispatch: str
    p99: Annotated[float, Duration]
    refused: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is needed. ``load`` is the share of the cores that is busy; ``mean_service`` has the overhead."""

    rate: float
    wanted_p99: Annotated[float, Duration]
    hosts: int
    cores: int
    cores_per_host: int
    load: Ratio
    mean_service: Annotated[float, Duration]
    p99: Annotated[float, Duration]
    refused: Ratio
    dispatch: str
    bounds: tuple[Bound, ...]
    dispatches: tuple[Compared, ...]
    assumptions: tuple[str, ...]


def plan(need: Need) -> Plan:
    """
    Raises:
        UsageError: no number of hosts up to `MOST_HOSTS` is enough, or the service alone takes too long.
    """
    work, bounds = need.work, _bounds(need)
    hosts = _enough(need, bounds)
    made = Hosts(hosts=hosts, servers=need.cores, service=work, bounds=bounds, dispatch=need.dispatch, seed=need.seed)
    found = serve(made, need.rate, max(2 * _requests(hosts, need.cores), _SETTLED * hosts * need.cores))
    return Plan(
        rate=need.rate,
        wanted_p99=need.p99,
        hosts=hosts,
        cores=hosts * need.cores,
        cores_per_host=need.cores,
        load=need.rate * work.expected / (hosts * need.cores),
        mean_service=work.expected,
        p99=found.response.p99,
        refused=found.refused,
        dispatch=need.dispatch,
        bounds=sensitivities(made, need.rate),
        dispatches=tuple(
            _compared(made, need.rate, dispatch, found if dispatch == need.dispatch else None)
            for dispatch in DISPATCHES
        ),
        assumptions=tuple(_assumed(need, hosts)),
    )


def _bounds(need: Need) -> GateSettings:
    """Bounds with which nobody is served too late."""
    spare = need.p99 - need.work.p99
    if spare <= 0:
        raise UsageError(
            f"p99: {need.p99:g} s cannot be kept: 1 % of the requests take over {need.work.p99:.3g} s without any wait"
        )
    return GateSettings(queue_timeout=spare, max_waiting=max(1, ceil(spare * need.cores / need.work.expected)))


def _enough(need: Need, bounds: GateSettings) -> int:
    """The fewest hosts that are enough, with at most `MOST_LOAD`."""
    low = high = ceil(need.rate * need.work.expected / need.cores / MOST_LOAD)
    step = max(1, low // 20)
    while high > MOST_HOSTS or not _is_enough(need, bounds, high):
        if high >= MOST_HOSTS:
            raise UsageError(
                f"rate: over {MOST_HOSTS:,} hosts of {need.cores} cores would be needed: say larger ones, with --cores-per-host"
            )
        low, high, step = high + 1, min(MOST_HOSTS, high + step), 2 * step
    while low < high:
        middle = (low + high) // 2
        if _is_enough(need, bounds, middle):
            high = middle
        else:
            low = middle + 1
    return high


def _is_enough(need: Need, bounds: GateSettings, hosts: int) -> bool:
    few = min(hosts, _SAMPLE)
    made = Hosts(
        hosts=few, servers=need.cores, service=need.work, bounds=bounds, dispatch=need.dispatch, seed=need.seed
    )
    found = serve(made, need.rate * few / hosts, _requests(few, need.cores))
    return found.refused <= REFUSED and found.response.p99 <= need.p99


def _requests(hosts: int, cores: int) -> int:
    return min(max(_LEAST, _EACH * hosts * cores), _MOST)


def _compared(made: Hosts, rate: float, dispatch: Dispatch, found: Served | None) -> Compared:
    """With this dispatch tier; ``found`` is what came of it, if that is known."""
    if found is None:
        few = min(made.hosts, _SAMPLE)
        found = serve(
            replace(made, hosts=few, dispatch=dispatch), rate * few / made.hosts, _requests(few, made.servers)
        )
    return Compared(dispatch=dispatch, p99=found.response.p99, refused=found.refused)


def _assumed(need: Need, hosts: int) -> Iterator[str]:
    """What the plan rests on, in plain words."""
    mean = need.service.expected
    kind = {"recorded": "the measured ones", "constant": "always the same"}.get(need.service.kind, need.service.kind)
    yield "Requests come independently of each other (Poisson). If they come in bursts, you need more."
    yield f"A request keeps one core busy for {mean * 1e3:.3g} ms on average; the times are {kind}."
    if need.overhead:
        loops = ceil(need.rate / hosts * need.overhead)
        yield (
            f"The event loop and the protocol add {need.overhead * 1e3:.3g} ms of a core to each request. One loop is not more "
            f"than one core, so each host needs at least {loops} server process{'es' if loops > 1 else ''}."
        )
    yield "All hosts are alike, and nothing else runs on them. The dispatch tier takes no time and sees the hosts as they are."
    yield f"The cores are never busier than {MOST_LOAD:.0%}, so that a little more than you expect is not an overload."
    yield f"A refusal costs nothing, and who is refused does not come again. Up to {REFUSED:.1%} may be refused."
    if hosts == 1:
        yield "The host is up. There is no other that could take its load."
        return
    left = need.rate * need.work.expected / (hosts - 1) / need.cores
    if left < 1:
        yield f"All hosts are up. With one fewer the others would be busy for {left:.0%} of the time."
    else:
        yield f"All hosts are up. With one fewer the others would get {left:.0%} of what they can serve."
