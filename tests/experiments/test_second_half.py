"""Unit: figures of experiments, from what their programs say."""

from __future__ import annotations

from typing import Any

import pytest

from trio_lab.experiments.cases import lag_detector, many_small_steps, offload_crossover
from trio_lab.experiments.cases.many_small_steps import _Seen
from trio_lab.experiments.model import Collected, Experiment
from trio_lab.loop.stalls import PYTHON, SMALL_STEPS
from trio_lab.records.figures import Found


def passed(experiment: Experiment, figures: Found) -> list[bool | None]:
    """The verdicts on the experiment's checks, of figures that are those it declares."""
    collected = Collected(figures=figures, charts=(), first_full=None, finding="")
    return [check.passed for check in experiment.result(collected, runtime="trio", duration=1).evidence.checks]


def block(length: float, naive: float | None, exact: float | None) -> dict[str, float | None]:
    return {"length": length, "naive": naive, "exact": exact}


def test_blocks_under_the_threshold_are_nobodys_to_tell() -> None:
    blocks = [block(0.02, None, None), block(0.1, None, 0.1), block(0.2, 0.1, 0.2), block(0.5, None, 0.51)]
    figures = lag_detector._figures({"blocks": blocks, "strays": {"naive": 0, "exact": 1}})
    assert (figures["blocks"], figures["blocks_to_tell"]) == (4, 3)
    assert figures["naive_recall"] == pytest.approx(1 / 3)
    assert figures["naive_length_share"] == pytest.approx(0.5)
    assert (figures["exact_recall"], figures["exact_error"], figures["exact_strays"]) == (1, 0, 1)
    assert passed(lag_detector.EXPERIMENT, figures) == [True] * 4


def test_without_blocks_nothing_is_judged() -> None:
    figures = lag_detector._figures({"blocks": [block(0.02, None, None)], "strays": {"naive": 0, "exact": 0}})
    assert passed(lag_detector.EXPERIMENT, figures) == [None] * 4


def seen(p50: float, causes: dict[str, int]) -> _Seen:
    watch: dict[str, Any] = {
        "stalls": sum(causes.values()),
        "causes": causes,
        "stall_p50_ms": 400.0 if causes else None,
        "step_p99_ms": 0.3,
        "explained": 0.99 if causes else None,
        "pass_p50_ms": 4.0,
        "steps": 1000,
    }
    return _Seen(watch, {"p50": p50})


def test_one_wrong_name_in_ten_is_allowed_and_two_are_not() -> None:
    number = [check.figure for check in many_small_steps.EXPERIMENT.checks].index("named_share")
    for causes, held in (({SMALL_STEPS: 9, PYTHON: 1}, True), ({SMALL_STEPS: 8, PYTHON: 2}, False), ({}, None)):
        figures = many_small_steps._figures(seen(1200.0, causes), seen(12.0, {}))
        assert passed(many_small_steps.EXPERIMENT, figures)[number] is held


def rows(costs: dict[str, list[float]]) -> list[dict[str, Any]]:
    return [
        {"place": place, "job_ms": x, "echo_p99_ms": echo, "loop_cpu_ms": 0.2, "whole_ms": x + 0.3, "compute_ms": x}
        for place, echoes in costs.items()
        for x, echo in zip(offload_crossover._LENGTHS, echoes, strict=True)
    ]


def test_a_worker_pays_where_others_wait_half_as_long() -> None:
    loop = [0.2, 0.4, 0.7, 2.2, 10.2, 50.2, 100.2]
    figures = offload_crossover._figures(
        rows({"loop": loop, "thread": [0.3, 0.5, 0.9, 2.5, 8.0, 20.0, 20.0], "process": [0.6] * 7})
    )
    assert (figures["worker_pays_from_ms"], figures["thread_pays_from_ms"]) == (2.0, 50.0)
    assert figures["worker_overhead_ms"] == pytest.approx(0.3)


def test_an_echo_that_never_came_is_left_out() -> None:
    found = rows({"loop": [1.0] * 7, "thread": [9.0] * 7, "process": [0.1] * 7})
    found[6]["echo_p99_ms"] = None  # the loop let nobody in for the whole of its longest jobs
    assert offload_crossover._figures(found)["worker_pays_from_ms"] == 0.05
