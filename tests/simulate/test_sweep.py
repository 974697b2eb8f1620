"""Sweeps: the values of one parameter, what comes of each, and the knee."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_lab.bench.peers.virtual_time import queue
from trio_lab.errors import UsageError
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers
from trio_lab.simulate.scenario import GateSettings, Scenario, Workload
from trio_lab.simulate.sweep import Sweep, swept, usual
from trio_lab.simulate.times import Times

OPEN = replace(queue(4, 0.5, 10_000), gate=GateSettings(max_waiting=20))
CLOSED = Scenario(
    workloads=(
        Workload(callers=Callers(service=Times(kind="exponential", mean=1.0), think=Times(mean=3.0)), clients=8),
    ),
    servers=2,
    requests=10_000,
)


def test_goodput_stops_rising_where_the_servers_are_full() -> None:
    found = swept(OPEN, Sweep.of("load=0.2:2:10"), 20_000)
    assert found.knee == pytest.approx(1.0, rel=0.07)
    first, *_, last = found.points
    assert first.load == pytest.approx(0.2)
    assert (first.shed, first.wait.p50) == (0.0, 0.0)
    assert last.shed == pytest.approx(0.5, abs=0.05)
    assert last.utilization > 0.99
    assert last.goodput == pytest.approx(4.0, rel=0.07)


@pytest.mark.parametrize(("text", "knee"), [("rate=0.4:8:10", 4.0), ("servers=1:8:8", 4.0), ("clients=2:20:10", 8.0)])
def test_other_parameters_have_their_knee_too(text: str, knee: float) -> None:
    scenario = CLOSED if text.startswith("clients") else OPEN
    if text.startswith("servers"):
        scenario = replace(scenario.at_rate(4.0), gate=GateSettings(max_waiting=20))
    found = swept(scenario, Sweep.of(text), 20_000)
    assert found.knee == pytest.approx(knee, rel=0.15)


def test_callers_with_more_patience_are_served_better_and_longer_work_worse() -> None:
    hasty = OPEN.with_callers(patience=Times(kind="exponential", mean=1.0))
    for text, rises in (("patience=1:10:2", True), ("service=0.5:1.5:2", False)):
        few, many = (one.goodput for one in swept(hasty, Sweep.of(text), 4_000).points)
        assert (many > 1.1 * few) is rises


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("loda=1:2", "did you mean load"),
        ("load", "must be like load=0.1:1.5:15"),
        ("load=1:2:3:4", "must be like"),
        ("load=x:2", "must be like"),
        ("load=2:1", "must rise"),
        ("load=0:1", "must rise"),
        ("load=1:2:1", "in 2 to 200 steps"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_one_line(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Sweep.of(text)


def test_a_scenario_without_the_parameter_is_one_line() -> None:
    with pytest.raises(UsageError, match="sweep rate: there is no rate"):
        swept(CLOSED, Sweep.of("rate=1:2"), 100)
    with pytest.raises(UsageError, match="sweep clients: there are no clients"):
        swept(OPEN, Sweep.of("clients=1:2"), 100)


@pytest.mark.parametrize("parameter", ["service", "patience"])
def test_what_callers_differ_in_has_no_one_value(parameter: str) -> None:
    (work,) = OPEN.workloads
    two = replace(OPEN, workloads=(work, replace(work, callers=replace(work.callers, **{parameter: Times(mean=9.0)}))))
    with pytest.raises(UsageError, match=f"sweep {parameter}: the callers differ in their {parameter}"):
        swept(two, Sweep.of(f"{parameter}=1:2"), 100)


def test_a_service_or_a_patience_of_no_time_becomes_one_that_is_always_as_long() -> None:
    none = Times()
    instant = OPEN.with_callers(service=none, patience=none)
    with pytest.raises(UsageError, match="sweep load: requests take no time"):
        swept(instant, Sweep.of("load=0.5:1:2"), 100)
    for text, served in (("patience=8:9:2", True), ("service=8:9:2", False)):
        assert all((one.goodput > 0) is served for one in swept(instant, Sweep.of(text), 100).points)


def test_a_trace_of_one_moment_has_a_service_time() -> None:
    once = Workload(callers=Callers(service=Times(mean=2.0)), arrivals=Arrivals(kind="trace", moments=(0.0,)))
    [slow, _] = swept(Scenario(workloads=(once,), requests=1), Sweep.of("service=4:8:2"), 100).points
    assert (slow.load, slow.utilization) == (0.0, 1.0)


def test_the_usual_sweep_is_of_the_load_or_of_the_clients() -> None:
    assert usual(OPEN).parameter == "load"
    assert (usual(CLOSED).parameter, usual(CLOSED).values[0], usual(CLOSED).values[-1]) == ("clients", 1.0, 16.0)
