"""Both lanes: in scenarios drawn at random tasks on Trio do what the simulation says, at the same moments.

At length, in two processes and with more scenarios: the drill `determinism`.
"""

from __future__ import annotations

import pytest

from trio_lab.drills.lanes import compare, play
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers
from trio_lab.simulate.scenario import GateSettings, Scenario, Workload
from trio_lab.simulate.times import Times
from trio_lab.testing.rehearsal import Through, rehearse, rehearse_fast

SECOND = Times(mean=1.0)


@pytest.mark.parametrize("number", range(16))
def test_the_lanes_are_equal(number: int) -> None:
    compared = compare(number)
    assert compared.difference == ""
    assert compared.entries > 20


def test_a_log_is_the_same_each_time() -> None:
    assert [one.digest for one in play(3)] == [one.digest for one in play(3)]


def test_a_lane_that_breaks_ties_in_another_way_is_found() -> None:
    found = [one.difference for one in play(8, swapped=True) if one.difference]
    assert found
    assert "in the truth lane" in found[0]


def scenario(**more: object) -> Scenario:
    work = Workload(callers=Callers(service=SECOND), arrivals=Arrivals(kind="constant", rate=2.0))
    return Scenario(**{"workloads": (work,), "seconds": 4.0} | more)  # type: ignore[arg-type]


def test_a_rehearsal_tells_what_happened_in_order() -> None:
    found = rehearse(scenario(gate=GateSettings(max_waiting=1, discipline="fifo")))
    assert found.log[:8] == (
        (0.0, 1, "arrive"),
        (0.0, 1, "start"),
        (0.5, 2, "arrive"),
        (0.5, 2, "queue"),
        (1.0, 1, "end"),
        (1.0, 2, "start"),
        (1.0, 3, "arrive"),
        (1.0, 3, "queue"),
    )
    assert found.counts == ((9, 4, 0, 3, 0, 0),)
    assert found == rehearse_fast(scenario(gate=GateSettings(max_waiting=1, discipline="fifo")))


@pytest.mark.parametrize(
    ("through", "more", "says"),
    [
        ("threads", {"gate": GateSettings(run_timeout=1.0)}, "cannot be stopped"),
        ("threads", {"gate": GateSettings(limit="adaptive")}, "adaptive"),
        ("workers", {"gate": GateSettings(run_timeout=1.0)}, "run timeout of its own"),
        ("workers", {"cores": 2}, "share nothing"),
        ("bulkhead", {"seconds": None, "requests": 9}, "seconds"),
        ("bulkhead", {"gate": GateSettings(autoscale=True)}, "no autoscaler"),
    ],
)
def test_what_cannot_be_compared_exactly_is_refused(through: Through, more: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rehearse(scenario(**more), through)
