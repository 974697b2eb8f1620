"""Runs experiments one after the other; their results make the one record that is saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import trio

from ..diagnose.interval import LEAST
from ..diagnose.ratios import order_of_round
from ..doctor.ramp import Plan as Step
from ..errors import UsageError, first_of, in_a_line
from ..http.runtimes import lack
from ..measure.environment import environment
from ..records.conditions import Conditions
from ..records.examination import Examination
from ..records.figures import Figures, require_all
from ..records.result import Comparison, ExperimentResult, Plan, Results
from ..stage.blockers import Blockers
from ..stage.live_run import LiveRun
from ..stage.quiet import Watch
from ..stage.stage import Stage
from ..stage.track import Track
from .catalog import select
from .compare import comparison
from .differences import differences
from .finale import EXPECTED_S, examined
from .finale import PATH as DOCTORS_PATH
from .model import Collected, Experiment
from .rounds import Round, another, so_far
from .verdict import judge_again, result_of

_FULL = 3  # full phases are about so many times as long as quick ones


class Show:
    """Follows a run. The terminal shows it (`cli.progress`); this one shows nothing."""

    def say(self, text: str) -> None:
        """A line about something that is finished."""

    def begin(self, text: str, expected: float) -> None:
        """An experiment of about so many seconds."""

    def phase(self, where: str, text: str) -> None:
        """What is measured now, ``where`` in the experiment. The text is empty where only the round is known."""

    def round(self, text: str, left: float) -> None:
        """The figures after one more round, and about how many seconds the experiment goes on."""


def planned(names: tuple[str, ...], *, runtimes: tuple[str, ...] = ("trio",), rounds: int = LEAST) -> Plan:
    """The plan of a run: of these experiments, or without names of the lab's own, which ends with the doctor.

    Raises:
        UsageError: a name is not known, or an experiment is not for a runtime.
    """
    chosen = select(names, runtimes)
    whole = not names and runtimes == ("trio",)
    return Plan(
        experiments=tuple(one.name for one in chosen),
        runtimes=runtimes,
        rounds=rounds,
        doctor=DOCTORS_PATH if whole else None,
    )


def begun(plan: Plan, *, quick: bool, dose: float = 1.0) -> Results:
    """A run of which nothing is done yet."""
    comparison = None
    if len(plan.runtimes) > 1:
        missing = {runtime: reason for runtime in plan.runtimes if (reason := lack(runtime)) is not None}
        comparison = Comparison(runtimes=plan.runtimes, missing=missing, rounds=plan.rounds, experiments=())
    return Results(
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        quick=quick,
        dose=dose,
        plan=plan,
        duration=0.0,
        environment=environment(),
        experiments=(),
        comparison=comparison,
    )


async def run_experiments(
    names: tuple[str, ...],
    *,
    quick: bool,
    runtimes: tuple[str, ...] = ("trio",),
    rounds: int = LEAST,
    dose: float = 1.0,
    show: Show | None = None,
) -> Results:
    """A whole run. Raises what `planned` raises."""
    run = begun(planned(names, runtimes=runtimes, rounds=rounds), quick=quick, dose=dose)
    return await go_on(run, show=show or Show())


async def go_on(
    run: Results,
    *,
    show: Show,
    keep: Callable[[Results], None] = lambda _: None,
    keep_examination: Callable[[Examination], None] = lambda _: None,
    verbose: bool = False,
    live: LiveRun | None = None,
) -> Results:
    """The run with every planned experiment that it lacks, or that could not be run before.

    Each is measured in the planned number of rounds, or half as many again while its outcome is undecided. The runtimes
    take turns, in an order that changes from round to round. ``keep`` gets the run after each experiment, and
    ``keep_examination`` what the doctor has seen at the end. What the servers log is shown only if ``verbose``. With
    ``live`` the servers can be seen meanwhile.

    Raises:
        UsageError: the run has no plan, or plans what this version does not know.
    """
    if (plan := run.plan) is None:
        raise UsageError("these results have no plan")
    failed = {one.name for one in run.experiments if one.failed}
    missing = {*run.missing, *failed}
    chosen = [one for one in select(plan.experiments, plan.runtimes) if one.name in missing]
    run = replace(run, experiments=tuple(one for one in run.experiments if one.name not in failed))
    lacking = run.comparison.missing if run.comparison else {}
    present = tuple(runtime for runtime in plan.runtimes if runtime not in lacking)
    spent = run.duration - time.monotonic()
    for number, experiment in enumerate(chosen, 1):
        stages = _stages(experiment, run, present, verbose)
        for stage in stages.values():
            stage.live = live
        seconds = expected_s(experiment, present, quick=run.quick, dose=run.dose or 1.0, rounds=plan.rounds)
        show.begin(f"[{number}/{len(chosen)}] {experiment.name}: {experiment.question}", seconds)
        found = await _in_turn(experiment, stages, plan.rounds, show)
        run = replace(_with(run, experiment, stages, found), duration=spent + time.monotonic())
        keep(run)
        for runtime, (result, _) in found.items():  # what is said is kept, whatever happens next
            show.say(f"      {f'{runtime}: ' * _named(stages)}{result.outcome}: {result.finding}")
    if run.comparison is not None and not run.comparison.differences:
        told = await differences(present, say=show.say)
        run = replace(run, comparison=replace(run.comparison, differences=told), duration=spent + time.monotonic())
        keep(run)
    if run.unexamined and plan.doctor is not None:
        stage = Stage(quick=run.quick, dose=run.dose or 1.0, verbose=verbose)
        stage.live = live
        show.begin(f"doctor: which queue of the lab's own server fills first, at {plan.doctor}?", EXPECTED_S)
        told_step = partial(_show_step, show)
        found_by_doctor = await examined(plan.doctor, stage, on_step=told_step, keep=keep_examination)
        run = replace(run, doctor=found_by_doctor, duration=spent + time.monotonic())
        keep(run)
        said = found_by_doctor.diagnosis
        show.say(f"      {found_by_doctor.failed if said is None else said.verdict}")
    return run


def _show_step(show: Show, step: Step) -> None:
    where = f"round {step.round + 1}" if step.part == "ramp" else step.part
    load = f"{step.clients} clients" if step.rate is None else f"{step.rate:.4g} requests a second"
    show.phase(where, "" if step.part == "rest" else load)


def expected_s(
    experiment: Experiment, runtimes: Collection[str], *, quick: bool, dose: float = 1.0, rounds: int = LEAST
) -> float:
    """About how many seconds an experiment takes, before any of it is measured."""
    times = 1 if experiment.across else len(runtimes)
    return experiment.expected_s * (1 if quick else _FULL) * dose * times * rounds / LEAST


def _stages(experiment: Experiment, run: Results, present: tuple[str, ...], verbose: bool) -> dict[str, Stage]:
    """One for each runtime; an experiment that starts the runtimes itself has one."""
    runtimes = ("trio",) if experiment.across else present
    dose = run.dose or 1.0
    stages = {one: Stage(quick=run.quick, dose=dose, runtime=one, verbose=verbose) for one in runtimes}
    if len(stages) > 1:
        for stage in stages.values():
            stage.blockers = Blockers()
    return stages


def _with(
    run: Results,
    experiment: Experiment,
    stages: dict[str, Stage],
    found: dict[str, tuple[ExperimentResult, list[Figures]]],
) -> Results:
    """The run with one more experiment."""
    run = replace(run, experiments=(*run.experiments, *(result for result, _ in found.values())))
    if run.comparison is None or not experiment.compared or len(found) < 2:
        return run
    worst = {runtime: stage.blockers.worst for runtime, stage in stages.items() if stage.blockers is not None}
    one = comparison(experiment, {runtime: figures for runtime, (_, figures) in found.items()}, worst)
    before = (other for other in run.comparison.experiments if other.name != one.name)
    return replace(run, comparison=replace(run.comparison, experiments=(*before, one)))


async def _in_turn(
    experiment: Experiment, stages: dict[str, Stage], least: int, show: Show
) -> dict[str, tuple[ExperimentResult, list[Figures]]]:
    """The result of every runtime, and the figures of its rounds."""
    taken: dict[str, list[Round]] = {runtime: [] for runtime in stages}
    spent = dict.fromkeys(stages, 0.0)
    number, going = 0, list(stages)
    named = _named(stages)
    async with AsyncExitStack() as keeping:
        for stage in stages.values():
            await keeping.enter_async_context(stage.keeping())
        while going:
            for runtime in order_of_round(going, number):
                began, stage = trio.current_time(), stages[runtime]
                stage.round = number
                which = f"round {number + 1} of {least}" if number < least else f"round {number + 1}, not decided yet"
                stage.on_phase = partial(show.phase, f"{runtime}, " * named + which)
                stage.on_phase("")
                taken[runtime].append(await _round(experiment, stage))
                spent[runtime] += trio.current_time() - began
                show.round(
                    f"{runtime}: " * named + so_far(experiment.checks, taken[runtime]), _left(taken, spent, least)
                )
            number += 1
            going = [runtime for runtime in going if another(experiment.checks, taken[runtime], least=least)]
    found = {}
    for runtime, stage in stages.items():
        result = result_of(
            experiment, taken[runtime], runtime=runtime, duration=spent[runtime], notes=stage.told_notes()
        )
        found[runtime] = (result, [one.figures for one in taken[runtime]])
    return found


def _named(stages: dict[str, Stage]) -> bool:
    """Whether a line has to say which runtime it is about."""
    return len(stages) > 1 or list(stages) != ["trio"]


def _left(taken: dict[str, list[Round]], spent: dict[str, float], least: int) -> float:
    """Seconds for the planned rounds that are not taken yet, if they take as long as the others."""
    done = sum(map(len, taken.values()))
    return sum(spent.values()) / done * max(0, least * len(taken) - done)


async def _round(experiment: Experiment, stage: Stage) -> Round:
    watch, error = Watch(speed=True), None
    stage.track = Track()
    try:
        collected = await experiment.collect(stage)
        require_all(collected.figures, experiment.declared(stage.runtime))
    except Exception as caught:  # a fault in one experiment must not lose the figures of the others
        error = caught
        collected = Collected(figures=dict.fromkeys(experiment.declared(stage.runtime)), charts=())
    timeline, conditions = stage.track.timeline(), watch.conditions()
    trouble, failed = ("", False) if error is None else _trouble(error, conditions)
    return Round(collected=collected, conditions=conditions, timeline=timeline, trouble=trouble, failed=failed)


def _trouble(error: Exception, conditions: Conditions) -> tuple[str, bool]:
    """What to say of a round that has no figures, and whether that is a fault."""
    first = first_of(error)
    if isinstance(first, ArithmeticError):  # phases were so short, or the machine so busy, that a count is zero
        return "Too little was counted to compare anything.", False
    if isinstance(first, trio.TooSlowError) and conditions.disturbance == "much":
        return "A time limit ran out while other programs had the cores.", False
    return f"It could not be run: {in_a_line(error)}.", True


def judged_again(results: Results) -> Results:
    """The same with every verdict made again from its figures."""
    return replace(results, experiments=tuple(map(judge_again, results.experiments)))
