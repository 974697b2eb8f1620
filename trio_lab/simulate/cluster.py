"""Many hosts behind a dispatch tier. Each host has a real gate and its own servers; the tier decides who gets a request.

The tier sees how many requests each host has at this moment, and costs nothing. A real one knows less, above all when there are
several: "least-loaded" is the best that can be had, and "random" is what needs no knowledge at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import cycle
from random import Random
from typing import Literal, get_args

from ..admission.gate import Place
from ..measure.histogram import Histogram
from ..records.summary import Summary
from .arrivals import Arrivals
from .callers import Callers, Crowd, Request
from .events import COME, Events
from .lane import FastLane
from .scenario import GateSettings
from .service import Independent
from .times import Times

Dispatch = Literal["random", "round-robin", "two-choices", "least-loaded"]
DISPATCHES: tuple[Dispatch, ...] = get_args(Dispatch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """So many ``hosts``, each with ``servers`` behind a gate with these ``bounds``."""

    hosts: int
    servers: int
    service: Times
    bounds: GateSettings
    dispatch: Dispatch = "two-choices"
    seed: int = 1

    def __post_init__(self) -> None:
        if self.dispatch not in DISPATCHES:
            raise ValueError(f"dispatch must be one of {', '.join(DISPATCHES)}, not {self.dispatch!r}")
        if min(self.hosts, self.servers) < 1:
            raise ValueError("there must be at least one host, with at least one server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """``refused`` is a share of the requests, ``response`` that of those that were served."""

    refused: float
    goodput: float
    response: Summary
    wait: Summary


class Host(FastLane):
    """One host. ``changed`` is told when it has fewer requests than before."""

    changed: Callable[[Host], object] | None = None
    number = 0

    @property
    def load(self) -> int:
        """Requests that are served or wait."""
        return self.gate.in_service + self.gate.waiting

    def take(self, request: Request) -> None:
        self._ask(request)

    def _end(self, place: Place) -> None:
        super()._end(place)
        self._has_fewer()

    def _stop(self, place: Place) -> None:
        super()._stop(place)
        self._has_fewer()

    def _expire(self, due: None) -> None:
        super()._expire(due)
        self._has_fewer()

    def _has_fewer(self) -> None:
        if self.changed is not None:
            self.changed(self)


class Tier:
    """The hosts, the callers, and the choice between hosts."""

    def __init__(self, hosts: Hosts, rate: float) -> None:
        random = Random(hosts.seed)
        self.events = Events()
        self.hosts = [self._host(hosts, number) for number in range(hosts.hosts)]
        self.crowd = Crowd(Callers(service=hosts.service), random, closed=False)
        self._moments = Arrivals(rate=rate).times(Random(random.getrandbits(64)))
        self._choose = _chooser(self.hosts, hosts.dispatch, Random(random.getrandbits(64)))
        self._next()

    def _host(self, hosts: Hosts, number: int) -> Host:
        gate = hosts.bounds.make(hosts.servers, ("",), hosts.seed + number)
        host = Host(gate, Independent(self.events), run_timeout=hosts.bounds.run_timeout)
        host.number = number
        return host

    def _next(self) -> None:
        self.events.at(next(self._moments), self._come, None, COME)

    def _come(self, _: None) -> None:
        self._next()
        self._choose().take(Request(self.crowd))


def serve(hosts: Hosts, rate: float, requests: int, *, warm_up: float = 0.2) -> Served:
    """About so many Poisson requests at these hosts, which begin empty: a share of them is ``warm_up`` and does not count."""
    tier, seconds = Tier(hosts, rate), requests / rate
    tier.events.run(warm_up * seconds)
    tier.crowd.reset()
    for host in tier.hosts:
        host.count_from_here()
    tier.events.run(seconds)
    crowd, waits = tier.crowd, Histogram()
    for host in tier.hosts:
        waits.merge(host.waits or Histogram())
    return Served(
        refused=crowd.refused / crowd.came if crowd.came else 0.0,
        goodput=crowd.served / (seconds * (1 - warm_up)),
        response=crowd.responses.summary(),
        wait=waits.summary(),
    )


def _chooser(hosts: list[Host], dispatch: Dispatch, random: Random) -> Callable[[], Host]:
    if dispatch == "round-robin":
        return cycle(hosts).__next__
    if dispatch == "least-loaded":
        return _least_loaded(hosts, random.random).__next__
    draw, count = random.random, len(hosts)

    def one() -> Host:
        return hosts[int(draw() * count)]

    def better_of_two() -> Host:
        first, second = one(), one()
        return first if first.load <= second.load else second

    return one if dispatch == "random" else better_of_two


def _least_loaded(hosts: list[Host], draw: Callable[[], float]) -> Iterator[Host]:
    """The host with the fewest requests, by chance where several have as few.

    The heap holds what the loads have been; an entry counts if the load is still the same. So a choice takes hardly longer
    with a thousand hosts than with ten.
    """
    heap = [(0, draw(), host.number) for host in hosts]
    heapify(heap)

    def changed(host: Host) -> None:
        heappush(heap, (host.load, draw(), host.number))

    for host in hosts:
        host.changed = changed
    while True:
        load, _, number = heappop(heap)
        host = hosts[number]
        if host.load == load:
            yield host
            changed(host)  # asked for the next one, so it has taken this one
