"""Runs experiments one after the other and puts their results into one record, the one that is saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import trio

from ..diagnose.judge import judge, passes
from ..measure.environment import environment
from ..stage.stage import Stage
from .catalog import select
from .model import Evidence, Experiment

SCHEMA = 1


async def run_experiments(
    names: tuple[str, ...], *, quick: bool, dose: float = 1.0, say: Callable[[str], None]
) -> dict[str, Any]:
    """The record of results.json. ``say`` is told what goes on, a line at a time; ``dose`` multiplies every duration.

    Raises:
        UsageError: a name is not known.
    """
    chosen = select(names)
    created, begun = datetime.now(UTC), time.monotonic()
    stage = Stage(quick=quick, dose=dose)
    results = []
    for number, experiment in enumerate(chosen, 1):
        say(
            f"[{number}/{len(chosen)}] {experiment.name}: {experiment.question} (about {_about(experiment.expected_s)})"
        )
        result = await _run(experiment, stage)
        results.append(result)
        say(f"      {result['outcome']}: {result['finding']}")
    return {
        "schema": SCHEMA,
        "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "quick": quick,
        "dose": dose,
        "duration_s": round(time.monotonic() - begun, 1),
        "environment": environment(),
        "experiments": results,
    }


async def _run(experiment: Experiment, stage: Stage) -> dict[str, Any]:
    started = trio.current_time()
    stage.notes.clear()
    failed = False
    try:
        evidence = await experiment.collect(stage)
    except Exception as error:  # whatever went wrong in one experiment must not cost the figures of the others
        cause = _first(error)
        # A ratio to nothing is no fault: phases were so short, or the machine so busy, that nothing was counted.
        failed = not isinstance(cause, ArithmeticError)
        why = "Too little was counted to compare anything."
        if failed:
            why = f"It could not be run: {' '.join(f'{type(cause).__name__}: {cause}'.split())}."
        evidence = Evidence(figures={}, charts=(), first_full=None, finding=why)
    result = experiment.result(evidence, runtime="trio", duration_s=trio.current_time() - started)
    return result | {"failed": failed, "notes": list(dict.fromkeys(stage.notes))}


def _first(error: BaseException) -> BaseException:
    """The first plain exception in a group: a nursery wraps whatever ends it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _about(seconds: float) -> str:
    return f"{seconds:.0f} s"


def judged_again(results: dict[str, Any]) -> dict[str, Any]:
    """The same record with every verdict made anew from its figures."""
    for experiment in results["experiments"]:
        evidence = experiment["evidence"]
        for check in evidence["checks"]:
            check["measured"] = evidence["figures"].get(check["figure"])
            check["passed"] = passes(check["measured"], check["relation"], check["bound"])
        experiment["outcome"] = judge(evidence["checks"])
    return results
