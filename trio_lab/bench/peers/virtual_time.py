"""Simulations to be timed, each in a process of its own: the fast lane's, and SimPy's M/M/1 as its documentation writes one."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass, replace
from random import Random
from time import perf_counter
from typing import Any

from ...config import DisciplineName
from ...measure.process import resident_bytes
from ...simulate.against_theory import against_theory
from ...simulate.arrivals import Arrivals
from ...simulate.callers import Callers
from ...simulate.made import fast_lane
from ...simulate.play import play
from ...simulate.scenario import GateSettings, Scenario, Workload
from ...simulate.times import Times

_LOAD = 0.8
_SERVICE = 0.01  # seconds, as of a web service: the gate learns of its callers ten times a second
_HOUR = 3600.0


def queue(servers: int, load: float, requests: int = 1, seed: int = 1, service: float = 1.0) -> Scenario:
    """An M/M/k queue with this mean service time in seconds."""
    callers = Callers(service=Times(kind="exponential", mean=service))
    work = Workload(callers=callers, arrivals=Arrivals(rate=load * servers / service))
    return Scenario(workloads=(work,), servers=servers, requests=requests, seed=seed)


def ours(requests: int, discipline: DisciplineName = "patience") -> float:
    """Requests a second of an M/M/1 queue at the real gate."""
    scenario = replace(queue(1, _LOAD, requests, service=_SERVICE), gate=GateSettings(discipline=discipline))
    begun = perf_counter()
    play(scenario)
    return requests / (perf_counter() - begun)


def simpy(requests: int) -> float:
    """Customers a second of the same queue in SimPy, which counts nothing but the waits."""
    from simpy import Environment, Resource

    random, waits = Random(1), [0.0]
    environment = Environment()
    server = Resource(environment, capacity=1)

    def customer() -> Generator[Any, Any, None]:
        came = environment.now
        with server.request() as request:
            yield request
            waits[0] += environment.now - came
            yield environment.timeout(random.expovariate(1.0))

    def source() -> Generator[Any, Any, None]:
        for _ in range(requests):
            yield environment.timeout(random.expovariate(_LOAD))
            environment.process(customer())

    environment.process(source())
    begun = perf_counter()
    environment.run()
    return requests / (perf_counter() - begun)


def hour(rate: float) -> Scenario:
    """An hour in which callers with a second of patience ask for twice what two servers can do."""
    callers = Callers(
        service=Times(kind="exponential", mean=2 * 2 / rate), patience=Times(kind="exponential", mean=1.0)
    )
    work = Workload(callers=callers, arrivals=Arrivals(rate=rate))
    gate = GateSettings(max_waiting=200, queue_timeout=30.0)
    return Scenario(workloads=(work,), servers=2, seconds=_HOUR, gate=gate)


def overload(rate: float) -> float:
    """Seconds for such an hour."""
    scenario = hour(rate)
    begun = perf_counter()
    play(scenario)
    return perf_counter() - begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes after a tenth of the requests, and after all of them."""

    tenth: int
    all: int


def memory(requests: int) -> Memory:
    """What a simulation holds while it goes on."""
    lane = fast_lane(queue(4, _LOAD, requests))
    seconds = requests / (4 * _LOAD)
    lane.run(0.1 * seconds)
    tenth = resident_bytes(os.getpid()) or 0
    lane.run(0.9 * seconds)
    return Memory(tenth=tenth, all=resident_bytes(os.getpid()) or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """The largest error of a mean wait against Erlang C, with 1, 4, 16 and 64 servers: as a share, at a load of 0.8; and
    divided by half its 99 % interval, at 0.8 and 0.95."""

    share: float
    in_intervals: float


def errors(requests: int) -> Errors:
    """With so many requests where the share counts, twice as many for 64 servers, where they come in clumps; and a quarter of
    them at the higher load: there no affordable number is enough."""
    shares, in_intervals = [], []
    for servers in (1, 4, 16, 64):
        for load, times in ((0.8, 2 if servers == 64 else 1), (0.95, 0.25)):
            found = against_theory(queue(servers, load), times * requests, 20)
            assert found is not None
            in_intervals.append(2 * abs(found.error) / (found.high - found.low))
            if load == 0.8:
                shares.append(abs(found.error))
    return Errors(share=max(shares), in_intervals=max(in_intervals))
