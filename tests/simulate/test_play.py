"""Scenarios played in the fast lane: how long they last, what counts, and every policy and fault that they can name."""

from __future__ import annotations

import gc
import math
from dataclasses import replace
from typing import Any, get_args

import pytest

from trio_lab.admission.classes import NOT_OF_A_CLASS
from trio_lab.admission.gate import Place
from trio_lab.config import DISCIPLINES
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers, Request
from trio_lab.simulate.made import fast_lane
from trio_lab.simulate.outcome import Simulated
from trio_lab.simulate.play import play, shorter
from trio_lab.simulate.scenario import Fault, GateSettings, LimitName, Scenario, Workload, slowness
from trio_lab.simulate.times import Times

SERVICE = Times(kind="exponential", mean=0.1)
OVERLOAD = Scenario(
    workloads=(
        Workload(
            callers=Callers(service=SERVICE, patience=Times(kind="exponential", mean=1.0), retries=1, pause=SERVICE),
            arrivals=Arrivals(rate=60.0),
        ),
    ),
    servers=4,
    requests=1_000,
    gate=GateSettings(max_waiting=30, queue_timeout=2.0),
)


def ended(found: Simulated) -> int:
    return found.served + found.left + found.refused + found.failed


def test_all_requests_come_and_end() -> None:
    found = play(OVERLOAD)
    assert found.came == ended(found) > 1_000  # those that were sent again came twice
    closed = play(replace(OVERLOAD, workloads=(Workload(callers=Callers(service=SERVICE), clients=7),)))
    assert (closed.came, closed.served) == (1_000, 1_000)
    assert play(replace(OVERLOAD, requests=3)).seconds < 3.0  # and then it is over


def test_two_crowds_share_the_requests() -> None:
    work = Workload(callers=Callers(service=SERVICE, kind="other"), arrivals=Arrivals(kind="constant", rate=1.0))
    lane = fast_lane(replace(OVERLOAD, workloads=(*OVERLOAD.workloads, work), requests=50))
    lane.run(float("inf"))
    many, few = (crowd.came for crowd in lane.crowds)
    assert 0 < few < many
    assert lane.gate.waiting == lane.gate.in_service == 0


def test_what_happens_before_does_not_count() -> None:
    steady = replace(OVERLOAD, requests=None, seconds=30.0)
    whole, late = play(steady), play(replace(steady, warm_up=20.0))
    assert late.seconds == pytest.approx(10.0)
    assert 0.2 < late.came / whole.came < 0.5
    assert late.wait.count < 0.5 * whole.wait.count
    # It begins with nobody, and nobody who waits, in the part that is left out.
    quiet = replace(steady, workloads=(replace(OVERLOAD.workloads[0], end=10.0),), warm_up=20.0)
    found = play(quiet)
    assert (found.came, found.served, found.wait.count, found.utilization) == (0, 0, 0, 0.0)
    assert play(replace(steady, warm_up=1e-9)).utilization == pytest.approx(whole.utilization)


def test_the_share_that_was_refused_is_of_those_that_ended() -> None:
    """Nearly all come before the time that counts, and are refused in it."""
    work = Workload(callers=Callers(service=Times(mean=1.0)), arrivals=Arrivals(kind="constant", rate=100.0), end=5.0)
    found = play(Scenario(workloads=(work,), seconds=20.0, warm_up=4.9, gate=GateSettings(queue_timeout=3.0)))
    assert found.refused > 10 * found.came
    assert found.shed == found.refused / (found.refused + found.served) < 1.0


def test_a_shorter_one_has_fewer_requests() -> None:
    assert shorter(OVERLOAD, 100).requests == 100
    assert shorter(OVERLOAD, 10_000).requests == 1_000
    assert shorter(replace(OVERLOAD, warm_up=1.0), 100).requests == 100 + round(OVERLOAD.rate or 0)
    assert shorter(replace(OVERLOAD, requests=None, seconds=90.0, warm_up=5.0), 60).seconds == 6.0


@pytest.mark.parametrize(
    ("discipline", "by_tenant"),
    [
        *((discipline, False) for discipline in DISCIPLINES),
        *((discipline, True) for discipline in DISCIPLINES if discipline not in NOT_OF_A_CLASS),
    ],
)
def test_every_discipline_is_played_and_repeats_itself(discipline: Any, by_tenant: bool) -> None:
    two = tuple(
        replace(work, callers=replace(work.callers, kind=kind, tenant=kind, priority=len(kind)))
        for kind in ("a", "bb")
        for work in OVERLOAD.workloads
    )
    scenario = replace(OVERLOAD, workloads=two, gate=replace(OVERLOAD.gate, discipline=discipline, by_tenant=by_tenant))
    found = play(scenario)
    assert found == play(scenario) != play(replace(scenario, seed=2))
    assert found.came == ended(found)
    assert min(found.served, found.refused, found.left) > 0


@pytest.mark.parametrize("limit", get_args(LimitName))
def test_every_limit_is_played(limit: Any) -> None:
    scenario = replace(OVERLOAD, cores=2, gate=replace(OVERLOAD.gate, limit=limit, run_timeout=5.0))
    lane = fast_lane(replace(scenario, requests=None, seconds=60.0))
    lane.run(60.0)
    assert (lane.gate.capacity == 4) == (limit == "fixed")


@pytest.mark.parametrize(("kind", "failed", "served"), [("slow", 0, 3), ("dead", 2, 1), ("flapping", 1, 2)])
def test_every_fault_does_what_it_says(kind: Any, failed: int, served: int) -> None:
    fault = Fault(kind=kind, at=0.9, seconds=3.0, slowness=2.0, period=1.0)
    work = Workload(callers=Callers(service=Times(mean=0.5)), arrivals=Arrivals(kind="trace", moments=(0.0, 1.0, 2.0)))
    found = play(
        Scenario(workloads=(work,), faults=(fault,), requests=3, servers=9, gate=GateSettings(run_timeout=1.5))
    )
    assert (found.failed, found.served) == (failed, served)
    assert found.response.max == pytest.approx({"slow": 1.0, "dead": 0.5, "flapping": 0.5}[kind])


@pytest.mark.parametrize("backwards", [False, True])
def test_faults_may_overlap_and_follow_each_other_in_any_order_of_the_file(backwards: bool) -> None:
    faults = (
        Fault(kind="slow", at=1.0, seconds=8.0, slowness=2.0),
        Fault(kind="slow", at=3.0, seconds=2.0, slowness=3.0),
        Fault(kind="dead", at=9.0, seconds=1.0),
    )
    found = [*slowness(faults[::-1] if backwards else faults)]
    assert found == [(1.0, 2.0), (3.0, 6.0), (5.0, 2.0), (9.0, math.inf), (10.0, 1.0)]


def test_a_tenant_that_floods_does_not_take_all() -> None:
    def tenant(name: str, rate: float) -> Workload:
        return Workload(callers=Callers(service=Times(mean=0.1), tenant=name), arrivals=Arrivals(rate=rate))

    scenario = Scenario(
        workloads=(tenant("loud", 200.0), tenant("quiet", 10.0)),
        servers=2,
        seconds=30.0,
        gate=GateSettings(max_waiting=50),
    )
    shares = {}
    for fair in (False, True):
        lane = fast_lane(replace(scenario, gate=replace(scenario.gate, by_tenant=fair)))
        lane.run(30.0)
        shares[fair] = lane.crowds[1].served / lane.crowds[1].came
    assert shares[False] < 0.3 < 0.9 < shares[True]


@pytest.mark.parametrize(
    ("make", "wrong", "says"),
    [
        (GateSettings, {"discipline": "x"}, "discipline must be"),
        (GateSettings, {"limit": "x"}, "limit must be"),
        (GateSettings, {"max_waiting": -1}, "max_waiting must not"),
        (GateSettings, {"queue_timeout": -1.0}, "queue_timeout must not"),
        (GateSettings, {"run_timeout": 0.0}, "run_timeout must be over"),
        (GateSettings, {"by_tenant": True, "discipline": "fair"}, "discipline cannot be 'fair' with by_tenant"),
        (Fault, {"kind": "x", "at": 0.0, "seconds": 1.0}, "kind must be"),
        (Fault, {"kind": "slow", "at": -1.0, "seconds": 1.0}, "at must be"),
        (Fault, {"kind": "slow", "at": 0.0, "seconds": 0.0}, "seconds must be"),
        (Workload, {"callers": Callers(service=SERVICE)}, "either arrivals or clients"),
        (Workload, {"callers": Callers(service=SERVICE), "clients": 1, "start": 2.0, "end": 1.0}, "must start"),
        (Workload, {"callers": Callers(service=Times()), "clients": 1}, "no time would ever pass"),
        (Workload, {"callers": Callers(service=SERVICE, pause=Times()), "clients": 1}, "no time would ever pass"),
        (Scenario, {"workloads": (), "requests": 1}, "needs a workload"),
        (Scenario, {"workloads": OVERLOAD.workloads}, "say how long"),
        (Scenario, {"workloads": OVERLOAD.workloads, "requests": 1, "servers": 0}, "servers must be"),
        (Scenario, {"workloads": OVERLOAD.workloads, "requests": 1, "cores": 1, "downstream": 1}, "either cores"),
        (Scenario, {"workloads": OVERLOAD.workloads, "seconds": 1.0, "warm_up": 1.0}, "warm_up must be"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make(**wrong)


def test_memory_does_not_grow_with_the_number_of_requests() -> None:
    """Callers with patience and a queue timeout, each of which plans an event."""
    lane = fast_lane(replace(OVERLOAD, requests=8_000))
    alive = []
    for _ in range(3):
        lane.run(25.0)
        gc.collect()
        events = len(lane.events._heap)
        alive.append(events + sum(isinstance(one, Place | Request) for one in gc.get_objects()))
    assert lane.crowds[0].came > 4_000
    assert alive[2] < 1.5 * alive[0] < 3_000
