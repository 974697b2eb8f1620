"""Runs experiments one after the other; their results make the one record that is saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import trio

from ..diagnose.ratios import order_of_round
from ..errors import first_of, in_a_line
from ..http.runtimes import lack
from ..measure.environment import environment
from ..records.result import ComparedExperiment, Comparison, ExperimentResult, Results
from ..stage.stage import Stage
from .catalog import select
from .compare import comparison, judge_again, merged
from .differences import differences
from .model import Collected, Experiment


async def run_experiments(
    names: tuple[str, ...],
    *,
    quick: bool,
    runtimes: tuple[str, ...] = ("trio",),
    rounds: int = 1,
    dose: float = 1.0,
    say: Callable[[str], None],
) -> Results:
    """A result for every experiment and runtime, and the comparison if there are several runtimes.

    The runtimes take turns, in an order that changes from round to round. ``say`` gets a line for each step, and
    ``dose`` multiplies every duration.

    Raises:
        UsageError: a name is not known, or an experiment is not for a runtime.
    """
    chosen = select(names, runtimes)
    missing = {runtime: reason for runtime in runtimes if (reason := lack(runtime)) is not None}
    present = tuple(runtime for runtime in runtimes if runtime not in missing)
    created, begun = datetime.now(UTC), time.monotonic()
    results: list[ExperimentResult] = []
    compared: list[ComparedExperiment] = []
    for number, experiment in enumerate(chosen, 1):
        turns = 1 if experiment.across else rounds * len(present)
        expected = experiment.expected_s * dose * turns
        say(f"[{number}/{len(chosen)}] {experiment.name}: {experiment.question} (about {expected:.0f} s)")
        stages = {runtime: Stage(quick=quick, dose=dose, runtime=runtime) for runtime in present}
        found = await _in_turn(experiment, stages, rounds, say)
        results += map(merged, found.values())
        if experiment.compared and len(found) > 1:
            compared.append(comparison(experiment, found))
    beside = None
    if len(runtimes) > 1:
        beside = Comparison(
            runtimes=runtimes,
            missing=missing,
            rounds=rounds,
            experiments=tuple(compared),
            differences=await differences(present, say=say),
        )
    return Results(
        created=created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        quick=quick,
        dose=dose,
        duration=time.monotonic() - begun,
        environment=environment(),
        experiments=tuple(results),
        comparison=beside,
    )


async def _in_turn(
    experiment: Experiment, stages: dict[str, Stage], rounds: int, say: Callable[[str], None]
) -> dict[str, list[ExperimentResult]]:
    """The results of every runtime, a round each."""
    found: dict[str, list[ExperimentResult]] = {runtime: [] for runtime in stages}
    if experiment.across:
        found, rounds = {"trio": []}, 1
    for number in range(rounds):
        for runtime in order_of_round(list(found), number):
            result = await _run(experiment, stages.get(runtime) or Stage(quick=True))
            found[runtime].append(result)
            who = f"{runtime}: " if len(stages) > 1 or runtime != "trio" else ""
            say(f"      {who}{result.outcome}: {result.finding}")
    return found


async def _run(experiment: Experiment, stage: Stage) -> ExperimentResult:
    started = trio.current_time()
    stage.notes.clear()
    failed = False

    def result(collected: Collected) -> ExperimentResult:
        return experiment.result(collected, runtime=stage.runtime, duration=trio.current_time() - started)

    try:
        found = result(await experiment.collect(stage))
    except Exception as error:  # a fault in one experiment must not lose the figures of the others
        # A division by zero is no fault: phases were so short, or the machine so busy, that nothing was counted.
        failed = not isinstance(first_of(error), ArithmeticError)
        why = "Too little was counted to compare anything."
        if failed:
            why = f"It could not be run: {in_a_line(error)}."
        nothing = dict.fromkeys(experiment.declared(stage.runtime))
        found = result(Collected(figures=nothing, charts=(), finding=why))
    return replace(found, failed=failed, notes=tuple(stage.told_notes()))


def judged_again(results: Results) -> Results:
    """The same with every verdict made again from its figures."""
    return replace(results, experiments=tuple(map(judge_again, results.experiments)))
