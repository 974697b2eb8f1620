"""What a scenario describes, made: its service, its traffic, and the fast lane with both."""

from __future__ import annotations

from .events import Events
from .lane import FastLane
from .log import Log
from .scenario import Scenario
from .service import Cores, Downstream, Independent, Service
from .traffic import Traffic


def fast_lane(scenario: Scenario, *, events: Events | None = None, log: Log | None = None) -> FastLane:
    """The fast lane of a scenario, at its beginning. ``log`` is told all that happens."""
    lane = FastLane(
        scenario.gate.make(scenario.servers, scenario.kinds, scenario.seed),
        service_of(scenario, events or Events()),
        seed=scenario.seed,
        run_timeout=scenario.gate.run_timeout,
        log=log,
    )
    bring(lane, scenario)
    return lane


def service_of(scenario: Scenario, events: Events) -> Service:
    """What is behind the gate."""
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
            traffic.close(work.callers, work.clients, start=work.start)
    for fault in scenario.faults:
        for moment, slowness in fault.changes():
            traffic.slow_down(moment, slowness)
