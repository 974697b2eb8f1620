"""Runs benchmarks one after the other; one that fails does not cost the figures of the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..errors import in_a_line
from ..measure.environment import environment
from .catalog import select
from .model import Benchmark, Measured
from .quiet import Watch
from .stand import Stand


async def run_benchmarks(
    names: tuple[str, ...],
    *,
    quick: bool,
    dose: float = 1.0,
    say: Callable[[str], None],
    show: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """``{"benchmarks": […]}``, ready for JSON. ``say`` is told what goes on, a line at a time, ``show`` each result.

    Raises:
        UsageError: a name is not known.
    """
    chosen = select(names)
    machine = environment()
    results = []
    for number, benchmark in enumerate(chosen, 1):
        say(f"[{number}/{len(chosen)}] {benchmark.name}: {benchmark.question}")
        results.append(await _run(benchmark, machine, quick=quick, dose=dose))
        show(results[-1])
    return {"created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "quick": quick, "benchmarks": results}


async def _run(benchmark: Benchmark, machine: dict[str, Any], *, quick: bool, dose: float) -> dict[str, Any]:
    versions, missing = benchmark.look()
    stand = Stand(quick=quick, versions=versions, dose=dose)
    began, watch, failed = time.monotonic(), Watch(), None
    try:
        measured = await benchmark.run(stand)
    except Exception as error:  # whatever goes wrong in one must not cost the figures of the others
        measured, failed = Measured(ratios={}), in_a_line(error)
    others = watch.others()
    return {
        "name": benchmark.name,
        "question": benchmark.question,
        **benchmark.result(measured),
        "missing": missing,
        "failed": failed,
        "notes": stand.stage.told_notes(),
        "versions": {"trio_lab": machine["trio_lab"], "python": machine["python"], **versions},
        "disturbed_rounds": stand.disturbed_rounds,
        "others_share": None if others is None else round(others, 3),
        "busy_machine": stand.disturbed_rounds > 0,
        "duration_s": round(time.monotonic() - began, 1),
        "environment": machine,
    }
