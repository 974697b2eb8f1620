"""A run of experiments against its objectives and against an earlier run, from saved results alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.experiments.taken import confirmed
from trio_lab.cli.gate import Gate
from trio_lab.cli.run_gate import asked_of, check_figures
from trio_lab.errors import UsageError
from trio_lab.records.codec import to_plain
from trio_lab.records.conditions import Conditions
from trio_lab.records.figures import check
from trio_lab.records.result import Evidence, ExperimentResult, Results
from trio_lab.records.slo import Objective
from trio_lab.records.slo_text import read_slo

CHECKS = (check("delay", "delay_ms", ">", 25, "ms"), check("wrong orders", "wrong", "<=", 0, exact=True))


def result(*delays: float, speed: float = 50.0, **changed: Any) -> ExperimentResult:
    """An experiment whose last round was disturbed, and does not count."""
    found = confirmed(
        "blocked-loop",
        Evidence(checks=CHECKS, figures={"delay_ms": 1.0, "wrong": 0.0}),
        tuple({"delay_ms": delay, "wrong": 0.0} for delay in delays),
        tuple(Conditions(speed=speed, counted=number < len(delays) - 1) for number in range(len(delays))),
    )
    return replace(found, finding="It was.", **changed)


def run(*experiments: ExperimentResult) -> Results:
    return Results(created="", quick=True, duration=1.0, environment={}, experiments=experiments)


def asked(now: ExperimentResult, slo: str, before: ExperimentResult | None = None) -> dict[str, Objective]:
    baseline = None if before is None else json.loads(json.dumps(to_plain(run(before))))
    found = asked_of(Gate(objectives=read_slo(slo), baseline=baseline), run(now))
    return {one.claim: one for one in found}


def test_a_figure_is_judged_by_the_rounds_that_count() -> None:
    found = asked(result(10, 11, 12, 13, 14, 15, 999), "blocked-loop.delay_ms<20, blocked-loop.wrong<1, pool<80%")
    delay = found["blocked-loop.delay_ms < 20"]
    assert (delay.passed, delay.measured, delay.low, delay.high) == (True, 12.5, 10, 15)
    assert found["blocked-loop.wrong < 1"].passed is True
    assert found["pool < 80%"].skipped


def test_few_rounds_tell_nothing_but_what_one_settles() -> None:
    found = asked(result(10, 11, 12), "blocked-loop.delay_ms<20, blocked-loop.wrong<1")
    delay = found["blocked-loop.delay_ms < 20"]
    assert (delay.passed, delay.note) == (None, "2 rounds that count are too few for an interval")
    assert found["blocked-loop.wrong < 1"].passed is True


def test_predictions_are_objectives() -> None:
    outcomes = {"confirmed": True, "refuted": False, "undecided": None}
    for outcome, passed in outcomes.items():
        one = asked(result(1, outcome=outcome), "pool<80%")["blocked-loop: what it predicts"]
        assert (one.passed, one.note) == (passed, f"{outcome}: It was.")
    assert asked(result(1, failed=True), "pool<80%")["blocked-loop: what it predicts"].passed is False


def test_a_baseline_of_several_runtimes_is_refused() -> None:
    """Their figures have the same names."""
    one = result(100, 101)
    before = run(one, replace(one, runtime="node"))
    gate = Gate(baseline=json.loads(json.dumps(to_plain(before))))
    with pytest.raises(UsageError, match="the baseline is a run on trio and node"):
        check_figures(gate, run(one))
    check_figures(Gate(baseline=json.loads(json.dumps(to_plain(run(one))))), run(one))


def test_a_run_is_worse_than_an_earlier_one_by_what_it_predicts() -> None:
    before = result(100, 101, 102, 103, 104, 105, 0)
    claim = "blocked-loop.delay_ms ÷ the baseline's"  # whose prediction is that it is high
    assert asked(before, "pool<80%", before)[claim].passed is True
    assert asked(result(50, 51, 52, 53, 54, 55, 0), "pool<80%", before)[claim].passed is False
    slower_machine = asked(replace(before, conditions=result(*[0] * 7, speed=20.0).conditions), "pool<80%", before)
    assert slower_machine[claim].passed is None
    assert "0.40 × as fast" in slower_machine[claim].note
    assert not [one for one in slower_machine if one.startswith("blocked-loop.wrong")]
