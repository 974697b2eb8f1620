"""Runs experiments one after the other and puts their results into one record, the one that is saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import trio

from ..diagnose.ratios import order_of_round
from ..errors import first_of, in_a_line
from ..http.runtimes import lack
from ..measure.environment import environment
from ..stage.stage import Stage
from .catalog import select
from .compare import comparison, judge_again, merged
from .differences import differences
from .model import Evidence, Experiment

SCHEMA = 1


async def run_experiments(
    names: tuple[str, ...],
    *,
    quick: bool,
    runtimes: tuple[str, ...] = ("trio",),
    rounds: int = 1,
    dose: float = 1.0,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """The record of results.json: an entry for every experiment and runtime, and the comparison if they are several.

    The runtimes take turns, and who begins changes from round to round. ``say`` is told what goes on, a line at a time;
    ``dose`` multiplies every duration.

    Raises:
        UsageError: a name is not known, or an experiment is not for a runtime.
    """
    chosen = select(names, runtimes)
    missing = {runtime: reason for runtime in runtimes if (reason := lack(runtime)) is not None}
    present = tuple(runtime for runtime in runtimes if runtime not in missing)
    created, begun = datetime.now(UTC), time.monotonic()
    results: list[dict[str, Any]] = []
    compared: list[dict[str, Any]] = []
    for number, experiment in enumerate(chosen, 1):
        turns = 1 if experiment.across else rounds * len(present)
        expected = _about(experiment.expected_s * dose * turns)
        say(f"[{number}/{len(chosen)}] {experiment.name}: {experiment.question} (about {expected})")
        stages = {runtime: Stage(quick=quick, dose=dose, runtime=runtime) for runtime in present}
        found = await _in_turn(experiment, stages, rounds, say)
        results += [merged(entries) for entries in found.values()]
        if experiment.compared and len(found) > 1:
            compared.append(comparison(experiment, found))
    record = {
        "schema": SCHEMA,
        "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "quick": quick,
        "dose": dose,
        "duration_s": 0.0,
        "environment": environment(),
        "experiments": results,
    }
    if len(runtimes) > 1:
        record["comparison"] = {
            "runtimes": list(runtimes),
            "missing": missing,
            "rounds": rounds,
            "experiments": compared,
            "differences": await differences(present, say=say),
        }
    return record | {"duration_s": round(time.monotonic() - begun, 1)}


async def _in_turn(
    experiment: Experiment, stages: dict[str, Stage], rounds: int, say: Callable[[str], None]
) -> dict[str, list[dict[str, Any]]]:
    """The results of every runtime, a round each."""
    found: dict[str, list[dict[str, Any]]] = {runtime: [] for runtime in stages}
    if experiment.across:
        found, rounds = {"trio": []}, 1
    for number in range(rounds):
        for runtime in order_of_round(list(found), number):
            result = await _run(experiment, stages.get(runtime) or Stage(quick=True))
            found[runtime].append(result)
            who = f"{runtime}: " if len(stages) > 1 or runtime != "trio" else ""
            say(f"      {who}{result['outcome']}: {result['finding']}")
    return found


async def _run(experiment: Experiment, stage: Stage) -> dict[str, Any]:
    started = trio.current_time()
    stage.notes.clear()
    failed = False
    try:
        evidence = await experiment.collect(stage)
    except Exception as error:  # whatever went wrong in one experiment must not cost the figures of the others
        # A ratio to nothing is no fault: phases were so short, or the machine so busy, that nothing was counted.
        failed = not isinstance(first_of(error), ArithmeticError)
        why = "Too little was counted to compare anything."
        if failed:
            why = f"It could not be run: {in_a_line(error)}."
        evidence = Evidence(figures={}, charts=(), first_full=None, finding=why)
    result = experiment.result(evidence, runtime=stage.runtime, duration_s=trio.current_time() - started)
    return result | {"failed": failed, "notes": stage.told_notes()}


def _about(seconds: float) -> str:
    return f"{seconds:.0f} s"


def judged_again(results: dict[str, Any]) -> dict[str, Any]:
    """The same record with every verdict made anew from its figures."""
    for entry in results["experiments"]:
        judge_again(entry)
    return results
