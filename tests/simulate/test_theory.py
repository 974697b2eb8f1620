"""Against theory (pure): a simulated queue waits as long as queueing theory says."""

from __future__ import annotations

from heapq import heapify, heapreplace
from itertools import islice
from random import Random

import pytest

from tests.simulate.theory import compare
from trio_lab.admission.gate import Gate
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers
from trio_lab.simulate.events import Events
from trio_lab.simulate.lane import FastLane
from trio_lab.simulate.service import Cores, Downstream, Independent
from trio_lab.simulate.theory import erlang_c, mean_wait
from trio_lab.simulate.times import Times


@pytest.mark.parametrize(
    ("servers", "offered", "chance"), [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (5, 4.0, 0.5541), (100, 80.0, 0.0196)]
)
def test_erlang_c_has_its_published_values(servers: int, offered: float, chance: float) -> None:
    assert erlang_c(servers, offered) == pytest.approx(chance, abs=1e-4)


def test_theory_has_no_wait_for_a_queue_that_only_grows() -> None:
    with pytest.raises(ValueError, match="less than 2 servers"):
        erlang_c(2, 2.0)


@pytest.mark.parametrize("servers", [1, 4, 16])
def test_the_mean_wait_is_that_of_erlang_within_its_interval(servers: int) -> None:
    found = compare(servers, 0.8, 20_000)
    assert abs(found.simulated - found.theory) < found.margin < 0.6 * found.theory


@pytest.mark.parametrize("servers", [1, 3])
def test_waits_are_those_of_the_recursion_that_defines_the_queue(servers: int) -> None:
    """Kiefer and Wolfowitz (1955): each request takes the server that is free first. Constant service, so that no order
    of random numbers matters."""
    arrivals = Arrivals(rate=0.9 * servers)
    lane = FastLane(Gate("queue", capacity=servers), Independent(Events()), seed=5)
    lane.open(Callers(service=Times(mean=1.0)), arrivals)
    lane.run(300.0)
    statistics = lane.gate.statistics()
    assert statistics.wait is not None

    free, total = [0.0] * servers, 0.0
    heapify(free)
    source = Random(5)
    source.getrandbits(64)  # the callers' own random numbers; the arrivals' are next
    for moment in islice(arrivals.times(Random(source.getrandbits(64))), statistics.completions):
        begun = max(moment, free[0])
        heapreplace(free, begun + 1.0)
        total += begun - moment
    assert statistics.wait.mean * statistics.wait.count == pytest.approx(total)
    assert total > 10.0


def test_shared_cores_serve_as_processor_sharing_does() -> None:
    """M/G/1-PS: the mean time in service is mean work ÷ (1 − load), whatever the distribution."""
    lane = FastLane(Gate("queue", capacity=10_000), Cores(Events(), 1), seed=2)
    lane.open(Callers(service=Times(kind="recorded", values=(0.5, 0.5, 0.5, 2.5))), Arrivals(rate=0.5))
    lane.run(20_000.0)
    service = lane.gate.statistics().service
    assert service is not None
    assert service.mean == pytest.approx(1.0 / (1 - 0.5), rel=0.06)


def test_a_hidden_limit_makes_service_longer_by_the_wait_for_it() -> None:
    lane = FastLane(Gate("queue", capacity=10_000), Downstream(Events(), 4), seed=3)
    lane.open(Callers(service=Times(kind="exponential", mean=1.0)), Arrivals(rate=3.2))
    lane.run(4_000.0)
    statistics = lane.gate.statistics()
    assert statistics.wait is not None
    assert statistics.service is not None
    assert statistics.wait.max == 0.0
    assert statistics.service.mean == pytest.approx(1.0 + mean_wait(4, 3.2, 1.0), rel=0.1)
