"""What a scenario describes, made: its service, its traffic, and the fast lane with both."""

from __future__ import annotations

from math import inf

from .event_loop import BehindLoop
from .events import FAULT, Events
from .lane import FastLane
from .log import Log
from .scenario import Scenario, slowness
from .service import Cores, Downstream, Independent, Service
from .staffed import Staff, StaffedLane
from .traffic import Traffic


def fast_lane(scenario: Scenario, *, events: Events | None = None, log: Log | None = None) -> FastLane:
    """The fast lane of a scenario, at its beginning. ``log`` is told all that happens."""
    gate = scenario.gate.make(scenario.servers, scenario.kinds, scenario.seed)
    service = service_of(scenario, Events() if events is None else events)
    requests = inf if scenario.requests is None else scenario.requests
    seed, run_timeout = scenario.seed, scenario.gate.run_timeout
    if scenario.gate.autoscale or scenario.crashes:
        lane: FastLane = StaffedLane(
            gate,
            Staff(service),
            servers=scenario.servers,
            autoscale=scenario.gate.autoscale,
            cores=scenario.cores or scenario.servers,
            seed=seed,
            run_timeout=run_timeout,
            requests=requests,
            log=log,
        )
    else:
        lane = FastLane(gate, service, seed=seed, run_timeout=run_timeout, requests=requests, log=log)
    bring(lane, scenario)
    return lane


def service_of(scenario: Scenario, events: Events) -> Service:
    """What is behind the gate."""
    service = _worker(scenario, events)
    return BehindLoop(service, scenario.loop) if scenario.loop else service


def _worker(scenario: Scenario, events: Events) -> Service:
    if scenario.cores is not None:
        return Cores(events, scenario.cores)
    if scenario.downstream is not None:
        return Downstream(events, scenario.downstream)
    return Independent(events)


def bring(traffic: Traffic, scenario: Scenario) -> None:
    """Let the callers come, and the faults."""
    for work in scenario.workloads:
        if work.arrivals is not None:
            traffic.open(work.callers, work.arrivals, start=work.start, end=work.end)
        else:
            traffic.close(work.callers, work.clients, start=work.start, end=work.end)
    for moment, slow in slowness(scenario.faults):
        traffic.slow_down(moment, slow)
    if isinstance(traffic, StaffedLane):
        for crash in scenario.crashes:
            traffic.events.at(crash.at, traffic.crash, crash.at + crash.seconds, FAULT)
