"""Against theory (pure): a simulated queue waits as long as queueing theory says."""

from __future__ import annotations

from dataclasses import replace
from heapq import heapify, heapreplace
from itertools import islice, product
from math import exp, factorial
from random import Random
from statistics import fmean
from typing import Any

import pytest

from trio_lab.admission.gate import Gate
from trio_lab.bench.peers.virtual_time import queue
from trio_lab.diagnose.mean_interval import mean_interval
from trio_lab.simulate.against_theory import _expected, _waits, against_theory, theory_of
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers
from trio_lab.simulate.events import Events
from trio_lab.simulate.infinite_servers import InfiniteServers, controlled
from trio_lab.simulate.lane import FastLane
from trio_lab.simulate.scenario import Fault, GateSettings, Scenario, Workload
from trio_lab.simulate.service import Cores, Downstream, Independent
from trio_lab.simulate.theory import (
    erlang_c,
    mean_beyond,
    mean_beyond_twice,
    mean_constant_wait,
    mean_wait,
    mean_wait_of_one,
)
from trio_lab.simulate.times import Times


@pytest.mark.parametrize(
    ("servers", "offered", "chance"), [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (5, 4.0, 0.5541), (100, 80.0, 0.0196)]
)
def test_erlang_c_has_its_published_values(servers: int, offered: float, chance: float) -> None:
    assert erlang_c(servers, offered) == pytest.approx(chance, abs=1e-4)


def test_theory_has_no_wait_for_a_queue_that_only_grows() -> None:
    with pytest.raises(ValueError, match="less than 2 servers"):
        erlang_c(2, 2.0)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (2, 0.5), (4, 0.9), (10, 0.9), (64, 0.95)])
def test_waits_for_constant_work_are_near_their_approximation(servers: int, load: float) -> None:
    """Cosmetatos (1976): a little over half of the wait for exponential work."""
    more = (1 - load) * (servers - 1) * ((4 + 5 * servers) ** 0.5 - 2) / (16 * load * servers)
    half = mean_wait(servers, load * servers, 1.0) / 2
    assert mean_constant_wait(servers, load * servers, 1.0) == pytest.approx((1 + more) * half, rel=0.01)


def test_one_server_waits_by_the_variation_of_its_work() -> None:
    assert mean_wait_of_one(0.8, 1.0, 1.0) == pytest.approx(mean_wait(1, 0.8, 1.0))
    assert mean_wait_of_one(0.8, 1.0, 0.0) == pytest.approx(mean_wait(1, 0.8, 1.0) / 2)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.8), (4, 0.8), (16, 0.8), (64, 0.9)])
def test_the_mean_wait_is_that_of_erlang_within_its_interval(servers: int, load: float) -> None:
    found = against_theory(queue(servers, load), 60_000, 10)
    assert found is not None
    assert found.low <= 0 <= found.high
    assert found.high - found.low < 2


def test_the_same_requests_at_infinite_servers_tell_more_of_a_wait_than_three_times_as_many() -> None:
    scenario = queue(64, 0.8)
    settled = replace(scenario, requests=None, seconds=250.0, warm_up=50.0)
    waits, *controls = zip(*(_waits(replace(settled, seed=n)) for n in range(1, 11)), strict=True)
    _, low, high = controlled(waits, controls, _expected(scenario))
    _, low_of_one, high_of_one = controlled(waits, controls[:1], _expected(scenario)[:1])
    plain = mean_interval(waits, level=0.99)
    assert plain is not None
    assert high_of_one - low_of_one < (plain[1] - plain[0]) / 3**0.5
    assert high - low < 0.9 * (high_of_one - low_of_one)


def test_the_number_at_infinite_servers_is_what_theory_expects() -> None:
    """For any service times; here one in five takes four times as long as the others. Of the requests that are in service,
    one in eight stays for as long as the short ones take and 1.25 more: 0.3 of the long ones, which are half of them."""
    events, infinite, random = Events(), InfiniteServers(4, 1.75), Random(3)
    draw = infinite.seeing(lambda: random.choice([0.625] * 4 + [2.5]), events)
    for _ in range(40_000):
        events.run(events.now + random.expovariate(3.0))
        draw()
    assert infinite.beyond == pytest.approx(mean_beyond(4, 3.0), rel=0.05)
    assert infinite.twice == pytest.approx(mean_beyond_twice(4, 3.0, 3.0 * 0.5 * 0.3), rel=0.2)
    assert mean_beyond(4, 3.0) == pytest.approx(sum((n - 4) * 3.0**n * exp(-3.0) / factorial(n) for n in range(5, 40)))


def test_the_number_beyond_at_two_moments_is_that_of_three_poisson_numbers() -> None:
    """Those that stay, and the others at each of the moments."""
    stay, other = ([mean**n * exp(-mean) / factorial(n) for n in range(20)] for mean in (0.45, 2.55))
    beyond = sum(
        stay[n] * other[here] * other[there] * max(0, n + here - 4) * max(0, n + there - 4)
        for n, here, there in product(range(20), repeat=3)
    )
    assert mean_beyond_twice(4, 3.0, 0.45) == pytest.approx(beyond)


def test_a_control_takes_off_what_it_explains() -> None:
    controls = [1.0, 2.0, 4.0, 7.0, 3.0]
    middle, low, high = controlled([10 + 2 * control for control in controls], [controls], [3.0])
    assert (middle, low, high) == pytest.approx((16.0, 16.0, 16.0))
    noisy = [10 + 2 * control + noise for control, noise in zip(controls, (1, -1, 1, -1, 0), strict=True)]
    middle, low, high = controlled(noisy, [controls], [3.0])
    assert low < middle < high
    assert controlled(noisy, [[1.0] * 5], [3.0])[0] == fmean(noisy)  # it explains nothing


def test_of_two_controls_each_takes_off_its_own_part() -> None:
    first, second = [1.0, 2.0, 4.0, 7.0, 3.0, 5.0], [2.0, 1.0, 5.0, 6.0, 2.0, 9.0]
    values = [10 + 2 * one + 3 * other for one, other in zip(first, second, strict=True)]
    assert controlled(values, [first, second], [3.0, 4.0]) == pytest.approx((28.0, 28.0, 28.0))
    assert controlled(values, [first, first], [3.0, 3.0]) == controlled(values, [first], [3.0])
    assert controlled(values[:5], [first[:5], second[:5]], [3.0, 4.0]) == controlled(values[:5], [first[:5]], [3.0])


def test_waits_for_constant_work_are_crommelins() -> None:
    callers = Callers(service=Times(mean=1.0))
    scenario = Scenario(workloads=(Workload(callers=callers, arrivals=Arrivals(rate=3.2)),), servers=4, requests=1)
    found = against_theory(scenario, 20_000, 8)
    assert found is not None
    assert (found.queue, found.holds) == ("M/D/4 (Crommelin)", True)
    assert found.high - found.low < 0.4


@pytest.mark.parametrize(
    "change",
    [
        {"faults": (Fault(kind="slow", at=1.0, seconds=1.0),)},
        {"cores": 2},
        {"gate": GateSettings(max_waiting=10)},
        {"gate": GateSettings(limit="adaptive")},
        {"gate": GateSettings(discipline="lifo")},
        {"servers": 1},  # more comes than it can serve
        {"workloads": (replace(queue(2, 0.8).workloads[0], start=60.0),)},
        {"workloads": (replace(queue(2, 0.8).workloads[0], end=60.0),)},
        {"workloads": (Workload(callers=Callers(service=Times()), arrivals=Arrivals(rate=1.0)),)},  # it takes no time
    ],
)
def test_there_is_no_theory_for_what_theory_does_not_know(change: dict[str, Any]) -> None:
    assert theory_of(queue(2, 0.8)) is not None
    assert theory_of(replace(queue(2, 0.8), **change)) is None


@pytest.mark.parametrize(
    ("servers", "load", "requests"),
    [
        (100, 0.01, 200),  # so rarely has one to wait that theory's mean is 0 for a computer
        (16, 0.01, 200),
        (1, 0.5, 0),
        (1, 0.999, 500),  # it would take millions to settle
    ],
)
def test_what_cannot_be_seen_in_so_many_requests_is_not_compared(servers: int, load: float, requests: int) -> None:
    assert theory_of(queue(servers, load)) is not None
    assert against_theory(queue(servers, load), requests, 3) is None


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
