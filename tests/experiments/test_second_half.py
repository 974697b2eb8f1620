"""Unit: figures of experiments, from what their programs say."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.diagnose.test_gathering import sample
from tests.records.loads import RESULT
from trio_lab.diagnose.interval import LEAST
from trio_lab.experiments.cases import (
    lag_detector,
    many_small_steps,
    native_pool_saturation,
    offload_crossover,
    streaming,
    worker_scaling,
)
from trio_lab.experiments.cases.many_small_steps import _Seen
from trio_lab.experiments.model import Experiment
from trio_lab.experiments.reading import Reading
from trio_lab.experiments.rounds import judged
from trio_lab.loop.stalls import PYTHON, SMALL_STEPS
from trio_lab.records.figures import Figures, measured
from trio_lab.records.health import Health
from trio_lab.records.load import Latencies
from trio_lab.records.queue import QueueStatistics
from trio_lab.records.summary import Summary
from trio_lab.stage.load_step import step_of
from trio_lab.stage.loaded import Loaded
from trio_lab.stage.stage import Stage
from trio_lab.subjects.offload import Phase
from trio_lab.subjects.small_steps import Watched
from trio_lab.subjects.two_detectors import Block, Detected

from .taken import taken


def passed(experiment: Experiment, figures: Figures) -> list[bool | None]:
    """The verdicts on the experiment's checks, of figures that are those it declares."""
    return [check.passed for check in judged(experiment.checks, [taken(figures)] * LEAST)]


async def test_loads_that_were_watched_once_name_a_first_queue_in_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """More rounds that say the same, because they are the same, would make it look surer than it is."""

    async def autoscaled(stage: Stage) -> worker_scaling._Watch:
        watch = worker_scaling._Watch()
        watch.phases = dict.fromkeys([*worker_scaling._CLIENTS, "idle"], (0.0, 1.0))
        return watch

    async def throughput(stage: Stage, workers: int) -> float:
        return 10.0 * workers

    monkeypatch.setattr(worker_scaling, "_autoscaled", autoscaled)
    monkeypatch.setattr(worker_scaling, "_throughput", throughput)
    stage = Stage(quick=True)
    for stage.round in range(3):
        loads = (await worker_scaling._collect(stage)).loads
        assert [load.clients for load in loads] == (list(worker_scaling._CLIENTS.values()) if stage.round == 0 else [])


def told(count: int, total: float) -> Health:
    """A server whose native pool has ended so many jobs, in so many seconds altogether."""
    spread = Summary(count=count, mean=total / count, p50=0.1, p90=0.1, p99=0.1, p99_9=0.1, max=0.1)
    return replace(sample(), queues=(QueueStatistics(name="native_pool", waiting=16, wait=spread, service=spread),))


async def test_a_hash_is_timed_in_the_load_that_it_is_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is kept, so its pool remembers the hundred slow ones of an earlier round, and those of few clients."""
    before, after = told(100, 100 * 0.1), told(110, 100 * 0.1 + 10 * 0.03)

    async def health() -> Health:
        return after

    class Kept(Stage):
        async def kept(self, *flags: str) -> Any:
            return SimpleNamespace(health=health)

        async def first(self, name: str, call: Any) -> Any:
            return 1000

        async def loaded(self, server: Any, path: str, **options: Any) -> Loaded:
            return Loaded(load=RESULT, probe=RESULT, step=step_of(RESULT, 0.0, [(0.0, before)]), cpu=1.0, jobs={})

    async def bare(call: Any) -> float:
        return 10.0

    monkeypatch.setattr(native_pool_saturation, "alone", bare)
    figures = (await native_pool_saturation._collect(Kept(quick=True))).figures
    assert figures.keys() == set(native_pool_saturation.EXPERIMENT.declared("trio"))
    assert (figures["pool_service_ms"], figures["pool_wait_ms"]) == (pytest.approx(30), pytest.approx(30))
    assert figures["request_in_hashes"] == pytest.approx(RESULT.latency.p50 / 0.03)


def detected(*blocks: tuple[float, float | None, float | None], strays: int = 0) -> Detected:
    return Detected(
        blocks=tuple(Block(length=length, naive=naive, exact=exact) for length, naive, exact in blocks),
        strays={"naive": 0, "exact": strays},
        blind=None,
    )


def test_blocks_under_the_threshold_need_not_be_told() -> None:
    blocks = [(0.02, None, None), (0.1, None, 0.1), (0.2, 0.1, 0.2), (0.5, None, 0.51)]
    figures = lag_detector._figures(detected(*blocks, strays=1))
    assert (figures["blocks"], figures["blocks_to_tell"]) == (4, 3)
    assert figures["naive_recall"] == pytest.approx(1 / 3)
    assert figures["naive_length_share"] == pytest.approx(0.5)
    assert (figures["exact_recall"], figures["exact_error"], figures["exact_strays"]) == (1, 0, 1)
    assert passed(lag_detector.EXPERIMENT, figures) == [True] * 4


def test_without_blocks_nothing_is_judged() -> None:
    figures = lag_detector._figures(detected((0.02, None, None)))
    assert passed(lag_detector.EXPERIMENT, figures) == [None] * 4


def seen(p50: float, causes: dict[str, int]) -> _Seen:
    spread = Summary(count=1000, mean=0.3e-3, p50=0.3e-3, p90=0.3e-3, p99=0.3e-3, p99_9=0.3e-3, max=0.3e-3)
    watch = Watched(
        passes=spread,
        steps=spread,
        stalls=sum(causes.values()),
        stall_p90=0.4 if causes else None,
        causes=causes,
        explained=0.99 if causes else None,
        top=None,
        blind=None,
    )
    return _Seen(watch, Latencies(p50=p50))


class Measured(Exception):
    """Both sides have been."""


@pytest.mark.parametrize(
    ("case", "measure", "sides"),
    [(many_small_steps, "_crowd", [0, many_small_steps._AT_ONCE]), (streaming, "_mode", ["buffer", "stream"])],
)
async def test_what_is_compared_begins_in_turn(
    case: Any, measure: str, sides: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that slows down in the middle of every round must not do it to the same side."""
    order: list[object] = []

    async def measured_one(stage: Stage, side: object, *rest: object) -> None:
        order.append(side)
        if len(order) % 2 == 0:
            raise Measured

    monkeypatch.setattr(case, measure, measured_one)
    stage = Stage(quick=True)
    for stage.round in (0, 1):
        with pytest.raises(Measured):
            await case._collect(stage)
    assert order == [*sides, *reversed(sides)]


def test_one_wrong_name_in_ten_is_allowed_and_two_are_not() -> None:
    number = [check.figure for check in many_small_steps.EXPERIMENT.checks].index("named_share")
    for causes, held in (({SMALL_STEPS: 9, PYTHON: 1}, True), ({SMALL_STEPS: 8, PYTHON: 2}, False), ({}, None)):
        figures = measured(many_small_steps._FIGURES, (seen(1.2, causes), seen(0.012, {})))
        assert passed(many_small_steps.EXPERIMENT, figures)[number] is held


def phases(costs: dict[str, list[float]]) -> list[Phase]:
    """In each place an echo for each length, in milliseconds."""
    return [
        Phase(
            place=place,
            length=x / 1e3,
            jobs=9,
            compute=x / 1e3,
            whole=(x + 0.3) / 1e3,
            loop_cpu=0.2e-3,
            echo_p99=echo / 1e3,
        )
        for place, echoes in costs.items()
        for x, echo in zip(offload_crossover._LENGTHS, echoes, strict=True)
    ]


def test_a_worker_pays_where_others_wait_half_as_long() -> None:
    loop = [0.2, 0.4, 0.7, 2.2, 10.2, 50.2, 100.2]
    figures = measured(
        offload_crossover._FIGURES,
        phases({"loop": loop, "thread": [0.3, 0.5, 0.9, 2.5, 8.0, 20.0, 20.0], "process": [0.6] * 7}),
    )
    assert (figures["worker_pays_from_ms"], figures["thread_pays_from_ms"]) == (2.0, 50.0)
    assert figures["worker_overhead_ms"] == pytest.approx(0.3)


def test_a_worker_that_never_pays_refutes_that_it_pays_early() -> None:
    number = [check.figure for check in offload_crossover.EXPERIMENT.checks].index("worker_pays_from_ms")
    found = measured(offload_crossover._FIGURES, phases({"loop": [1.0] * 7, "thread": [9.0] * 7, "process": [0.9] * 7}))
    assert passed(offload_crossover.EXPERIMENT, found)[number] is False
    finding = offload_crossover.EXPERIMENT.finding(Reading(found))
    assert finding.count("not found up to 100 ms") == 2, "nor does a thread"
    silent = [
        replace(phase, echo_p99=None)
        for phase in phases({"loop": [1.0] * 7, "thread": [9.0] * 7, "process": [1.0] * 7})
    ]
    unknown = measured(offload_crossover._FIGURES, silent)
    assert passed(offload_crossover.EXPERIMENT, unknown)[number] is None


def test_an_echo_that_never_came_is_left_out() -> None:
    found = phases({"loop": [1.0] * 7, "thread": [9.0] * 7, "process": [0.1] * 7})
    found[6] = replace(found[6], echo_p99=None)  # the loop let none through for the whole of its longest jobs
    assert measured(offload_crossover._FIGURES, found)["worker_pays_from_ms"] == 0.05
