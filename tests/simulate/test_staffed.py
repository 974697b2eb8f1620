"""Worker processes in virtual time: the autoscaler's rule and the restart budget, as the pools have them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers
from trio_lab.simulate.made import fast_lane
from trio_lab.simulate.scenario import Crash, GateSettings, Scenario, Workload
from trio_lab.simulate.staffed import START, StaffedLane
from trio_lab.simulate.times import Times

WORK = Callers(service=Times(mean=0.1))
STEADY = Scenario(
    workloads=(Workload(callers=WORK, arrivals=Arrivals(kind="constant", rate=20.0)),), servers=4, seconds=60.0
)


def staffed(scenario: Scenario) -> StaffedLane:
    lane = fast_lane(scenario)
    assert isinstance(lane, StaffedLane)
    return lane


def test_an_autoscaler_adds_workers_while_many_wait_and_gives_them_up_when_none_do() -> None:
    burst = Workload(callers=WORK, arrivals=Arrivals(kind="constant", rate=100.0), end=10.0)
    lane = staffed(replace(STEADY, workloads=(burst,), gate=GateSettings(autoscale=True)))
    sizes = []
    for _ in range(60):
        lane.run(1.0)
        sizes.append(lane.ready)
    # One worker does ten a second, so over a hundred wait after 1.1 s; then one more comes at each look.
    assert (sizes[0], sizes[3], max(sizes), sizes[-1]) == (1, 4, 4, 1)
    assert sizes == sorted(sizes[:20]) + sorted(sizes[20:], reverse=True)
    assert lane.crowds[0].served == 1_000
    assert lane.gate.capacity == 1


def test_an_autoscaler_adds_none_where_no_core_is_free() -> None:
    many = replace(STEADY, workloads=(replace(STEADY.workloads[0], arrivals=Arrivals(rate=100.0)),), cores=1)
    lane = staffed(replace(many, gate=GateSettings(autoscale=True)))
    lane.run(30.0)
    assert lane.ready == 1


def test_workers_that_die_lose_their_jobs_and_are_started_again() -> None:
    lane = staffed(replace(STEADY, crashes=(Crash(at=10.04),)))
    lane.run(10.045)
    assert (lane.ready, lane.crowds[0].failed) == (0, 2)  # at 20 a second of 0.1 s each, two run at any moment
    lane.run(START)
    assert lane.ready == 4  # they had been of use, so they are replaced at once
    lane.run(10.0)
    assert lane.crowds[0].came - lane.crowds[0].served == 2 + lane.gate.in_service


def test_a_short_crash_does_not_end_a_long_one() -> None:
    lane = staffed(replace(STEADY, crashes=(Crash(at=1.0, seconds=20.0), Crash(at=2.0))))
    lane.run(20.0)
    assert lane.ready == 0


def test_a_crash_loop_opens_the_breaker_and_ends_when_a_worker_lives() -> None:
    slow = replace(STEADY.workloads[0], arrivals=Arrivals(kind="constant", rate=5.0))
    lane = staffed(replace(STEADY, workloads=(slow,), servers=1, crashes=(Crash(at=10.0, seconds=20.0),)))
    crowd = lane.crowds[0]
    lane.run(10.3)
    assert crowd.refused == 0  # the first two deaths may be accidents
    lane.run(0.7)
    assert lane._budget.deaths == 3
    refused = crowd.refused
    lane.run(18.0)
    assert crowd.refused == refused + 90  # all that come, at once
    assert 5 <= lane._budget.deaths <= 12  # at most five starts in ten seconds
    lane.run(3.0)
    assert lane.ready == 1
    refused = crowd.refused
    lane.run(20.0)
    assert (crowd.refused, lane.waiting) == (refused, 0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"crashes": (Crash(at=1.0),), "gate": GateSettings(limit="adaptive")}, "need a fixed limit"),
        ({"seconds": None, "requests": 5, "gate": GateSettings(autoscale=True)}, "say seconds"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(STEADY, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="say one"):
        GateSettings(autoscale=True, limit="adaptive")
    with pytest.raises(ValueError, match="must be at a moment"):
        Crash(at=-1.0)
