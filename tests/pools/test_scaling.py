"""Unit and property: when a pool may grow, and that the rule is the one with the stated thresholds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.pools.scaling import Decision, Signals, decide, should_scale_cpu_pool
from trio_lab.records.codec import to_plain

# Around the thresholds, so that about a fifth of the examples grow.
JOBS = st.sampled_from([0, 1, 99, 100, 101, 102, 200, 10_000])
LAGS = st.sampled_from([0.0, 0.001, 0.0299, 0.030, 0.031, math.inf])
CORES = st.sampled_from([None, 0.0, 0.29, 0.30, 0.31, 1.0, 64.0])


@pytest.mark.parametrize(
    ("queued_jobs", "loop_lag", "cpu_is_available", "expected"),
    [
        (101, 0.0299, True, True),
        (100, 0.0, True, False),
        (101, 0.030, True, False),
        (101, 0.0, False, False),
        (10_000, math.inf, True, False),
    ],
)
def test_the_thresholds(queued_jobs: int, loop_lag: float, cpu_is_available: bool, expected: bool) -> None:
    assert (
        should_scale_cpu_pool(queued_jobs=queued_jobs, loop_lag=loop_lag, cpu_is_available=cpu_is_available) is expected
    )


SIGNALS = st.builds(
    Signals,
    queued_jobs=JOBS,
    loop_lag=LAGS,
    free_cores=CORES,
    size=st.integers(1, 8),
    ready=st.integers(3, 8),
    busy=st.integers(0, 8),
    idle_for=st.sampled_from([0.0, 2.9, 3.0, 99.0]),
)


@given(signals=SIGNALS)
def test_a_decision_is_one_step_within_bounds_and_says_why(signals: Signals) -> None:
    wanted, reason = decide(signals, smallest=1, largest=8, idle_after=3.0)
    assert 1 <= wanted <= 8
    assert abs(wanted - signals.size) <= 1
    assert reason


@given(signals=SIGNALS)
def test_a_pool_grows_exactly_by_the_rule(signals: Signals) -> None:
    wanted, _ = decide(signals, smallest=1, largest=8, idle_after=3.0)
    ruled = signals.queued_jobs > 100 and signals.loop_lag < 0.030 and (signals.free_cores or 0.0) >= 0.3
    assert (wanted > signals.size) == (ruled and signals.size < 8 and signals.ready >= signals.size)


@given(signals=SIGNALS)
def test_a_pool_shrinks_only_when_idle_for_long(signals: Signals) -> None:
    wanted, _ = decide(signals, smallest=1, largest=8, idle_after=3.0)
    assert wanted >= signals.size or (signals.idle_for >= 3.0 and signals.size > 1)


def signals(**given: object) -> Signals:
    usual = {
        "queued_jobs": 200,
        "loop_lag": 0.001,
        "free_cores": 1.0,
        "size": 2,
        "ready": 2,
        "busy": 2,
        "idle_for": 0.0,
    }
    return Signals(**(usual | given))  # type: ignore[arg-type]


GROW = "many wait, the loop is on time, a CPU is free"
FEW = "not more than 100 wait"
LATE = "the loop is late: more workers would wait for it too"


@pytest.mark.parametrize(
    ("given", "wanted", "reason"),
    [
        ({}, 3, GROW),
        ({"queued_jobs": 100}, 2, FEW),
        ({"loop_lag": 0.0299}, 3, GROW),
        ({"loop_lag": 0.030}, 2, LATE),
        ({"loop_lag": math.inf}, 2, LATE),
        ({"free_cores": 0.29}, 2, "no CPU is free"),
        ({"free_cores": 0.30}, 3, GROW),
        ({"free_cores": 0.31}, 3, GROW),
        ({"free_cores": None}, 2, "whether a CPU is free cannot be read"),
        ({"ready": 1}, 2, "the last one is still starting"),
        ({"size": 4, "ready": 4}, 4, "as large as it may be"),
        ({"queued_jobs": 0, "idle_for": 3.0}, 1, "nothing waits and a worker has been idle for long"),
        ({"queued_jobs": 0, "idle_for": 2.9}, 2, FEW),
        ({"queued_jobs": 0, "idle_for": 99.0, "size": 1}, 1, FEW),
    ],
)
def test_decisions(given: dict[str, object], wanted: int, reason: str) -> None:
    assert decide(signals(**given), smallest=1, largest=4, idle_after=3.0) == (wanted, reason)


def test_a_decision_travels_as_a_duration() -> None:
    decision = Decision(number=7, at=10.0, pool="worker_pool", signals=signals(), wanted=3, reason="because")
    body = to_plain(decision.record(now=12.5))
    assert body["ago_s"] == 2.5
    assert (body["number"], body["pool"], body["reason"]) == (7, "worker_pool", "because")
    assert "at" not in body
    assert (body["size"], body["wanted"], body["loop_lag_ms"], body["cpu_is_available"]) == (2, 3, 1.0, True)
