"""Hosts behind a dispatch tier, and plans: what is promised holds when it is simulated."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import exp

import pytest

from trio_lab.errors import UsageError
from trio_lab.simulate import plan as plans
from trio_lab.simulate import sensitivity
from trio_lab.simulate.cluster import DISPATCHES, Hosts, Tier, serve
from trio_lab.simulate.plan import MOST_HOSTS, MOST_LOAD, REFUSED, Need, Plan, _assumed, plan
from trio_lab.simulate.scenario import GateSettings
from trio_lab.simulate.theory import erlang_c, mean_wait
from trio_lab.simulate.times import Times

EXPONENTIAL = Times(kind="exponential", mean=1.0)
TEN = Hosts(hosts=10, servers=2, service=EXPONENTIAL, bounds=GateSettings())
NEED = Need(rate=2_000.0, p99=0.1, service=Times(kind="exponential", mean=0.005), cores=4)


def test_a_random_tier_makes_a_queue_of_its_own_of_each_host() -> None:
    found = serve(replace(TEN, dispatch="random"), 14.0, 15_000)
    assert found.wait.mean == pytest.approx(mean_wait(2, 1.4, 1.0), rel=0.15)
    assert (found.refused, found.goodput) == (0.0, pytest.approx(14.0, rel=0.03))


def test_the_more_a_tier_knows_the_less_is_waited() -> None:
    waits = [serve(replace(TEN, dispatch=dispatch), 17.0, 8_000).wait.mean for dispatch in DISPATCHES]
    assert waits == sorted(waits, reverse=True)
    # Were all servers behind one queue, waits would be the shortest that there can be.
    assert waits[-1] > 0.9 * mean_wait(20, 17.0, 1.0)
    assert waits[0] > 4 * waits[2]


def test_the_least_loaded_host_is_what_it_is_called() -> None:
    tier = Tier(replace(TEN, dispatch="least-loaded"), 18.0)
    seen = set()
    for _ in range(300):
        tier.events.run(tier.events.now + 0.1)
        least = min(host.load for host in tier.hosts)
        chosen = tier._choose()
        assert chosen.load == least
        seen.add(chosen.number)
    assert seen == set(range(10))


@pytest.mark.parametrize("bounds", [GateSettings(queue_timeout=0.5), GateSettings(run_timeout=0.5)])
def test_the_least_loaded_host_may_be_one_whose_requests_were_lost(bounds: GateSettings) -> None:
    """A request that waits too long, or runs too long, makes its host less loaded as well."""
    tier = Tier(replace(TEN, servers=1, service=Times(mean=3.0), bounds=bounds, dispatch="least-loaded"), 20.0)
    for _ in range(100):
        tier.events.run(tier.events.now + 0.1)
        least = min(host.load for host in tier.hosts)
        assert tier._choose().load == least


def test_bounds_are_each_hosts_own() -> None:
    full = replace(TEN, bounds=GateSettings(max_waiting=0), dispatch="round-robin", service=Times(mean=1.0))
    assert 0.5 < serve(full, 40.0, 2_000).refused < 0.65  # half is too much, and some come a moment too early
    late = replace(TEN, bounds=GateSettings(queue_timeout=0.5), dispatch="random")
    assert serve(late, 30.0, 1_000).wait.max <= 0.5


def test_a_tier_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="dispatch must be"):
        replace(TEN, dispatch="best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one host"):
        replace(TEN, hosts=0)


@cache
def brief(need: Need) -> Plan:
    """A plan that is good enough to be tested."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (plans, "_MOST", 6_000),
            (plans, "_SAMPLE", 8),
            (sensitivity, "_LEAST", 1_500),
        ):
            patch.setattr(module, name, value)
        return plan(need)


def test_a_plan_keeps_its_promise_and_one_host_fewer_does_not() -> None:
    found = brief(NEED)
    assert found.p99 <= NEED.p99
    assert found.refused <= 2 * REFUSED
    assert found.cores == 4 * found.hosts
    assert 0.7 < found.load <= MOST_LOAD
    assert found.load == pytest.approx(2_000 * 0.005 / found.cores)
    random = brief(replace(NEED, dispatch="random"))
    assert random.hosts >= found.hosts


def test_a_plan_needs_as_many_hosts_as_theory_says() -> None:
    """With a random tier each host is a queue of its own, and theory knows how many of its callers wait for too long."""
    tight = replace(NEED, p99=0.04, dispatch="random")

    def late(hosts: int) -> float:
        each = 2_000 * 0.005 / hosts
        return erlang_c(4, each) * exp(-(4 - each) / 0.005 * (tight.p99 - tight.service.p99))

    hosts = brief(tight).hosts
    assert late(hosts) < REFUSED < late(hosts - 2)  # refusals come together, so few requests tell little


def test_a_plan_says_what_its_bounds_do() -> None:
    places, capacity, timeout = brief(NEED).bounds
    assert (places.name, capacity.name, timeout.name) == ("places", "queue_capacity", "queue_timeout")
    assert timeout.planned.value == pytest.approx(NEED.p99 - NEED.service.p99)
    assert capacity.planned.value == pytest.approx(timeout.planned.value * 4 / 0.005, abs=1)
    for bound in (places, capacity, timeout):
        assert bound.less.value < bound.planned.value < bound.more.value
    # Fewer places refuse more, and of half as much again a third is refused whatever the queue may hold.
    assert places.less.refused > places.planned.refused + 0.01 > places.more.refused
    assert capacity.planned.overload_refused == pytest.approx(1 - 1 / (1.5 * brief(NEED).load), abs=0.07)
    # A shorter queue answers sooner in an overload.
    assert capacity.less.overload_p99 < 0.95 * capacity.planned.overload_p99


def test_a_plan_says_in_words_what_it_rests_on() -> None:
    said = " ".join(_assumed(replace(NEED, overhead=0.001), 3))
    for word in (
        "Poisson",
        "5 ms",
        "exponential",
        "add 1 ms",
        "server process",
        "others would get 150% of what they can",
    ):
        assert word in said
    assert "With one fewer the others would be busy for 83% of the time" in " ".join(_assumed(NEED, 4))
    assert "There is no other that could take its load" in " ".join(_assumed(replace(NEED, rate=500.0), 1))
    assert "add" not in " ".join(brief(NEED).assumptions)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"p99": 0.02}, "p99: 0.02 s cannot be kept: 1 % of the requests take over 0.023 s"),
        ({"rate": 1e9}, f"over {MOST_HOSTS:,} hosts of 4 cores"),
        ({"rate": 0.0}, "rate must be over 0"),
        ({"p99": float("nan")}, "p99 must be over 0"),
        ({"cores": 0}, "cores-per-host must be at least 1"),
        ({"service": Times()}, "service must be over 0"),
        ({"overhead": -1.0}, "overhead must not be negative"),
        ({"dispatch": "best"}, "dispatch must be one of"),
    ],
)
def test_a_need_that_cannot_be_met_is_one_line(changes: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        plan(replace(NEED, **changes))  # type: ignore[arg-type]
