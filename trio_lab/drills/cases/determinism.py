"""Do the event loop and the simulation do the same, each time? Scenarios drawn at random are played in two processes, each
time in the fast lane and in the truth lane: the real bulkhead and pools on Trio in virtual time.

Every log must be equal to the other lane's, entry by entry, and to the other process's; so must the counts and the statistics
of the gate. Python hashes text differently in each process (PYTHONHASHSEED), and addresses differ too, so an order that
depends on either shows.

The control is a fast lane that lets requests come before places are given back at the same moment. Only scenarios in which
both fall on one moment can show it.

An hour of overload in the fast lane: 30 requests a second at four places that serve ten, with the default discipline, and
callers that leave after two seconds on average. What counts is the CPU time.
"""

from __future__ import annotations

import time
from functools import partial

import trio

from ...records.figures import Figures, check
from ...simulate.arrivals import Arrivals
from ...simulate.callers import Callers
from ...simulate.made import fast_lane
from ...simulate.scenario import GateSettings, Scenario, Workload
from ...simulate.times import Times
from ...stage.alone import alone
from ...stage.stage import Stage
from .. import lanes
from ..aftermath import remembered
from ..model import Drill

_HOUR = Scenario(
    workloads=(
        Workload(
            callers=Callers(
                service=Times(kind="exponential", mean=0.4), patience=Times(kind="exponential", mean=2.0), retries=1
            ),
            arrivals=Arrivals(rate=30.0),
        ),
    ),
    servers=4,
    gate=GateSettings(max_waiting=200),
    seconds=3600.0,
)


async def _twice(stage: Stage, *, swapped: bool) -> dict[str, float | None]:
    """The figures of both processes."""
    found: list[list[lanes.Compared]] = []

    async def play() -> None:
        found.append(await alone(partial(lanes.play, stage.count(200, quick=40), swapped=swapped)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        nursery.start_soon(play)
    one, other = found
    stage.notes += [compared.difference for compared in one if compared.difference][:3]
    return {
        "scenarios": len(one),
        "entries": sum(compared.entries for compared in one),
        "lanes_differ": sum(bool(compared.difference) for compared in (*one, *other)),
        "processes_differ": sum(here.digest != there.digest for here, there in zip(one, other, strict=True)),
    }


def _hour() -> dict[str, float | None]:
    began = time.process_time()
    lane = fast_lane(_HOUR)
    lane.run(3600.0)
    return {"hour_s": time.process_time() - began, "hour_requests": sum(crowd.came for crowd in lane.crowds)}


async def _inject(stage: Stage) -> Figures:
    figures: dict[str, float | None] = {}
    async with remembered(figures):
        figures |= await _twice(stage, swapped=False)
        figures |= await trio.to_thread.run_sync(_hour)
    return figures


async def _control(stage: Stage) -> Figures:
    return await _twice(stage, swapped=True)


DRILL = Drill(
    name="determinism",
    number=26,
    gate=False,
    question="Does the simulation do what the event loop does, and the same in each process?",
    figures=("scenarios", "entries", "lanes_differ", "processes_differ", "hour_s", "hour_requests"),
    checks=(
        check("logs in which the lanes differ", "lanes_differ", "<=", 0),
        check("logs that differ between two processes", "processes_differ", "<=", 0),
        check("CPU time of an hour of overload", "hour_s", "<=", 5.0, "s"),
    ),
    inject=_inject,
    control=_control,
    twin="a fast lane in which requests come before places are given back",
)
