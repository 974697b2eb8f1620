"""Runs benchmarks one after the other; one that fails does not lose the figures of the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..errors import in_a_line
from ..measure.environment import environment
from ..records.benchmark import BenchmarkResult, BenchmarkResults
from ..records.figures import require_declared
from ..stage.quiet import Watch
from ..stage.stage import Stage
from .catalog import select
from .model import Benchmark, Measured, is_met

_PATIENCE = 120.0  # seconds that a benchmark may lose to other programs on the machine


async def run_benchmarks(
    names: tuple[str, ...],
    *,
    quick: bool,
    dose: float = 1.0,
    say: Callable[[str], None],
    show: Callable[[BenchmarkResult], None] = lambda _: None,
) -> BenchmarkResults:
    """``say`` gets a line for each step, and ``show`` each result as soon as it is known.

    Raises:
        UsageError: a name is not known.
    """
    chosen = select(names)
    machine = environment()
    results = []
    for number, benchmark in enumerate(chosen, 1):
        say(f"[{number}/{len(chosen)}] {benchmark.name}: {benchmark.question}")
        results.append(await _run(benchmark, machine, quick=quick, dose=dose, say=say))
        show(results[-1])
    return BenchmarkResults(
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), quick=quick, benchmarks=tuple(results)
    )


async def _run(
    benchmark: Benchmark, machine: dict[str, Any], *, quick: bool, dose: float, say: Callable[[str], None]
) -> BenchmarkResult:
    versions, missing = benchmark.look()
    stage = Stage(quick=quick, dose=dose, peers=versions, patience=0.0 if quick else _PATIENCE)
    stage.say = say
    began, watch, failed = time.monotonic(), Watch(), None
    try:
        measured = await benchmark.run(stage)
        require_declared(measured.ratios, benchmark.ratios)
    except Exception as error:  # a fault in one must not lose the figures of the others
        measured, failed = Measured(ratios={}), in_a_line(error)
    goals = benchmark.judged(measured.spreads)
    return BenchmarkResult(
        name=benchmark.name,
        question=benchmark.question,
        ratios={name: spread.rounded() for name, spread in measured.spreads.items()},
        goals=goals,
        met=is_met(goals),
        figures=dict(measured.figures),
        missing=tuple(missing),
        failed=failed,
        notes=tuple(stage.told_notes()),
        versions={"trio_lab": machine["trio_lab"], "python": machine["python"], **versions},
        disturbed_rounds=stage.turns.disturbed,
        others_share=watch.conditions().others,
        busy_machine=stage.turns.disturbed > 0,
        duration=time.monotonic() - began,
        environment=machine,
        intervals=measured.intervals,
        tables=tuple(stage.tables) or None,
    )
