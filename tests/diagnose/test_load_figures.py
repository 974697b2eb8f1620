"""What clients and server tell of a load, as estimates with their intervals."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.diagnose.test_one_run import of
from tests.records.loads import RESULT
from trio_lab.diagnose.client_figures import client_figures
from trio_lab.diagnose.server_figures import server_figures
from trio_lab.measure.histogram import Histogram
from trio_lab.records.health import Health, Loop, Process, ThreadCounts, WorkerCounts
from trio_lab.records.load import Counts, Latencies, Row
from trio_lab.records.queue import QueueStatistics
from trio_lab.records.slo import FIGURES, Estimate


def row(start: float, ok: int, **counts: int) -> Row:
    return Row(**{"start": start, "ok": ok, "shed": 0, "timed_out": 0, "errors": 0, "p50": 0.01, "max": 0.03, **counts})


def named(estimates: tuple[Estimate, ...]) -> dict[str, Estimate]:
    return {one.figure: one for one in estimates}


STEADY = replace(
    RESULT,
    duration=5.0,
    offered=20.0,
    requests=Counts(sent=100, completed=95, ok=90, errors=5, timed_out=5),
    throughput=19.0,
    goodput=18.0,
    series=tuple(row(start / 2, 9, errors=1 - start % 2, timed_out=start % 2) for start in range(10)),
)


def test_every_figure_of_a_client_has_its_interval() -> None:
    found = named(client_figures(STEADY, [of(*[0.01] * 10)] * 10))
    assert {name for name, figure in FIGURES.items() if figure.side == "client"} == found.keys()
    ok = found["ok"]
    assert ok.measured == 90
    assert ok.low is not None
    assert ok.high is not None
    assert 80 < ok.low < 90 < ok.high < 97
    assert (found["served"].measured, found["served"].low) == (90, 90)
    assert (found["goodput"].measured, found["goodput"].low, found["goodput"].high) == (18, 18, 18)
    assert found["throughput"].low == pytest.approx(19 - 2.262 / 3, abs=0.01)  # Student's quantile of ten slices
    assert (found["max"].measured, found["max"].low, found["max"].high) == pytest.approx((30, 30, 30))
    assert found["p99"].high == math.inf
    assert found["p99"].note == "100 requests are too few, it takes at least 381"


def test_a_closed_workload_offers_nothing_that_could_be_served() -> None:
    assert "served" not in named(client_figures(replace(STEADY, offered=None), []))


def test_served_is_of_the_second_half() -> None:
    filling = replace(STEADY, series=tuple(row(start / 2, 0 if start < 5 else 10) for start in range(10)))
    assert named(client_figures(filling, []))["served"].measured == 100


def test_requests_that_were_never_sent_are_not_ok() -> None:
    dropped = replace(STEADY, requests=replace(STEADY.requests, dropped=100))
    ok = named(client_figures(dropped, []))["ok"]
    assert ok.measured == 45
    assert ok.low is not None
    assert ok.high is not None
    assert 40 < ok.low < 45 < ok.high < 50, "they are counted, so nothing about them is uncertain"


def test_what_was_not_measured_is_not_known() -> None:
    nothing = replace(STEADY, requests=Counts(), latency=Latencies(), series=(), offered=20.0)
    for one in client_figures(nothing, [Histogram()] * 10):
        assert (one.low, one.high) == (None, None)
        assert one.measured is None or one.figure in ("throughput", "goodput")


def look(passes: int = 1, late: float | None = 0.01, **changed: object) -> Health:
    queues = (
        QueueStatistics(name="run_queue", capacity=1, in_service=1),
        QueueStatistics(name="native_pool", capacity=4, in_service=3),
        QueueStatistics(name="worker_pool", capacity=2, in_service=0),
    )
    health = Health(
        runtime="trio",
        event_loop_mean_ms=20,
        event_loop_max_ms=20,
        threads=4,
        pool=WorkerCounts(workers=1, busy=0, queued=0, restarts=0),
        native_pool=ThreadCounts(threads=4, busy=0, abandoned=0, queued=0),
        loop=Loop(
            mean=0.0,
            p50=0.0,
            p99=0.0,
            max=0.0,
            delay_p99=late,
            utilization=0.5,
            passes=passes,
            blind="nothing was seen",
        ),
        profile="guarded",
        queues=queues,
        process=Process(memory=50, memory_limit=200, descriptors=20),
    )
    return replace(health, **changed)


def test_what_the_server_tells_of_itself() -> None:
    found = named(server_figures([look(number) for number in range(10)]))
    assert (found["loop_delay_p99"].measured, found["loop_delay_p99"].low) == (10, 10)
    assert found["pool"] == Estimate(figure="pool", unit="%", measured=75, low=75, high=75, note="native_pool")
    assert found["memory"].measured == 25
    assert found["descriptors"].measured == 0


def test_descriptors_that_grow_are_seen_and_one_at_first_is_not() -> None:
    def growth(descriptors: list[int]) -> float | None:
        process = [Process(memory=1, memory_limit=1, descriptors=one) for one in descriptors]
        return named(server_figures([look(process=one) for one in process]))["descriptors"].measured

    assert growth([10, 20, 20, 20, 20, 20, 20, 20, 21]) == 0
    assert growth([*range(20, 50)]) == pytest.approx(81.6, abs=0.1)


@pytest.mark.parametrize(
    ("looks", "blind", "figure", "why"),
    [
        ([look()], "no figures from it: status 404", "pool", "no figures from it: status 404"),
        ([], "", "memory", "the load was too short to look"),
        ([look(5), look(2)], "", "loop_delay_p99", "another reader reset the window of /health meanwhile"),
        ([look(late=None)], "", "loop_delay_p99", "nothing was seen"),
        ([look(queues=())], "", "pool", "the server has no pool with known places"),
        ([look(process=None)], "", "memory", "the server does not tell it"),
        ([look(process=None)], "", "descriptors", "fewer than three looks at them"),
    ],
)
def test_why_a_figure_is_not_known_is_said(looks: list[Health], blind: str, figure: str, why: str) -> None:
    found = named(server_figures(looks, blind))[figure]
    assert (found.measured, found.low, found.note) == (None, None, why)


def test_a_pool_that_was_looked_at_too_seldom_has_no_interval() -> None:
    pool = named(server_figures([look()] * 4))["pool"]
    assert (pool.measured, pool.low, pool.note) == (75, None, "native_pool, with too few looks at it")
