"""The fast lane (pure): callers that wait, leave, are refused, come again; and a server that is slow or dead."""

from __future__ import annotations

import gc

import pytest

from trio_lab.admission.disciplines import Lifo
from trio_lab.admission.gate import Gate, Place
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers, Request
from trio_lab.simulate.events import Events
from trio_lab.simulate.lane import FastLane
from trio_lab.simulate.outcome import Simulated, simulated
from trio_lab.simulate.service import Cores, Downstream, Independent, Service
from trio_lab.simulate.times import Times

ONE = Times(mean=1.0)


def lane_of(capacity: int = 1, **more: float | int) -> FastLane:
    run_timeout = more.pop("run_timeout", None)
    return FastLane(Gate("queue", capacity=capacity, **more), Independent(Events()), run_timeout=run_timeout)  # type: ignore[arg-type]


def at(*moments: float) -> Arrivals:
    return Arrivals(kind="trace", moments=moments)


def figures(lane: FastLane) -> Simulated:
    return simulated(lane)


def test_a_request_waits_for_those_before_it() -> None:
    lane = lane_of()
    crowd = lane.open(Callers(service=ONE), at(0.0, 0.25, 5.0))
    lane.run(10.0)
    found = figures(lane)
    assert (found.came, found.served, found.wait.max) == (3, 3, pytest.approx(0.75))
    assert crowd.responses.max == pytest.approx(1.75)
    assert (found.goodput, found.utilization) == (pytest.approx(0.3), pytest.approx(0.3))


def test_a_caller_that_leaves_the_queue_frees_its_place_there() -> None:
    lane = lane_of(max_waiting=1)
    crowd = lane.open(Callers(service=ONE, patience=Times(mean=0.5)), at(0.0, 0.1, 0.2, 0.7))
    lane.run(10.0)
    # The first leaves while it is served, the second while it waits, the third finds the queue full.
    assert (crowd.left, crowd.refused, crowd.wasted, crowd.served) == (3, 1, 2, 0)
    assert lane.gate.statistics().cancelled == 1


def test_a_lost_request_comes_again_with_growing_pauses() -> None:
    lane = lane_of(max_waiting=0)
    lane.open(Callers(service=Times(mean=10.0)), at(0.0))
    crowd = lane.open(Callers(service=ONE, retries=3, pause=ONE, backoff=2.0), at(1.0))
    for until, came in ((1.9, 1), (2.1, 2), (4.1, 3), (7.9, 3), (8.1, 4), (99.0, 4)):
        lane.run(until - lane.events.now)
        assert crowd.came == came
    assert (crowd.refused, crowd.served) == (4, 0)


def test_a_wait_ends_with_the_queue_timeout() -> None:
    lane = lane_of(queue_timeout=0.5)
    crowd = lane.open(Callers(service=ONE), at(0.0, 0.1, 0.8))
    lane.run(10.0)
    assert (crowd.served, crowd.refused, lane.gate.statistics().timed_out) == (2, 1, 1)


@pytest.mark.parametrize("make", [Independent, lambda events: Cores(events, 1), lambda events: Downstream(events, 1)])
def test_a_dead_server_fails_all_until_it_lives_again(make: type[Service]) -> None:
    service = make(Events())
    lane = FastLane(Gate("queue", capacity=1), service, run_timeout=2.0)
    crowd = lane.open(Callers(service=ONE), Arrivals(kind="constant", rate=0.4))
    service.events.at(9.9, service.slow_down, float("inf"))
    service.events.at(20.1, service.slow_down, 1.0)
    lane.run(31.0)
    assert (crowd.came, crowd.served) == (13, 13 - crowd.failed)
    # Where a new pace holds for new work only, what runs when the fault ends fails too.
    assert crowd.failed in (4, 5)


def test_slowness_of_cores_holds_for_what_runs() -> None:
    service = Cores(Events(), 2)
    lane = FastLane(Gate("queue", capacity=9), service)
    crowd = lane.open(Callers(service=ONE), at(0.0, 0.0, 0.0, 0.0))
    service.events.at(1.0, service.slow_down, 2.0)
    lane.run(2.9)
    assert crowd.served == 0  # half was done after a second, and the rest takes twice as long
    lane.run(0.2)
    assert crowd.served == 4


def test_a_downstream_with_a_new_limit_begins_what_waits() -> None:
    service = Downstream(Events(), 1)
    lane = FastLane(Gate("queue", capacity=9), service)
    crowd = lane.open(Callers(service=ONE), at(0.0, 0.0, 0.0))
    service.events.at(0.5, service.resize, 3)
    lane.run(1.6)
    assert crowd.served == 3


def test_closed_clients_wait_for_their_answers() -> None:
    lane = lane_of(2)
    crowd = lane.close(Callers(service=ONE, think=ONE), 6)
    lane.run(61.5)
    # Six clients that each need two seconds for a request would make three a second; two servers make two.
    assert crowd.served == 2 * 60
    assert lane.gate.statistics().peak_waiting == 4


@pytest.mark.parametrize(("think", "came"), [(2.0, 2), (4.0, 1), (6.0, 0)])
def test_closed_clients_send_no_request_after_the_end(think: float, came: int) -> None:
    """Each needs a second for a request, and thinks before it."""
    lane = lane_of(3)
    crowd = lane.close(Callers(service=ONE, think=Times(mean=think)), 3, end=6.0)
    lane.run(30.0)
    assert crowd.came == crowd.served == 3 * came


def test_a_closed_client_that_is_refused_comes_again_after_a_pause() -> None:
    lane = lane_of(max_waiting=0)
    crowd = lane.close(Callers(service=ONE, pause=Times(mean=0.25)), 2)
    lane.run(10.0)
    assert 35 <= crowd.refused <= 45


def play(seed: int) -> tuple[Simulated, float]:
    lane = FastLane(Gate("queue", capacity=3, max_waiting=8, discipline=Lifo()), Cores(Events(), 2), seed=seed)
    lane.open(
        Callers(service=Times(kind="lognormal", mean=0.05), patience=Times(kind="exponential", mean=0.3), retries=1),
        Arrivals(kind="bursts", rate=60.0),
    )
    crowd = lane.close(Callers(service=Times(mean=0.02), kind="other"), 3)
    lane.run(20.0)
    return figures(lane), crowd.responses.total


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    assert play(1) == play(1)
    assert play(1) != play(2)


def test_every_attempt_ends_in_one_count() -> None:
    found, _ = play(3)
    lane_holds = found.came - found.served - found.left - found.refused - found.failed
    assert 0 <= lane_holds <= 3 + 8
    assert min(found.served, found.left, found.refused, found.wasted) > 0


def test_memory_does_not_grow_with_the_number_of_requests() -> None:
    gc.collect()
    lane = lane_of(4)
    lane.open(Callers(service=Times(kind="exponential", mean=1.0), patience=Times(mean=9.0)), Arrivals(rate=3.0))
    lane.run(1_000.0)
    alive = [found for found in gc.get_objects() if isinstance(found, (Place, Request))]
    assert lane.crowds[0].came > 2_800
    assert len(alive) < 100
