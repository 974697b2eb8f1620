"""Runs experiments one after the other; their results make the one record that is saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from ..diagnose.interval import LEAST
from ..doctor.ramp import Plan as Step
from ..errors import UsageError
from ..http.runtimes import lack
from ..measure.environment import environment
from ..records.examination import Examination
from ..records.result import Comparison, ExperimentResult, Plan, Results
from ..stage.blockers import Blockers
from ..stage.live_run import LiveRun
from ..stage.stage import Stage
from . import finale
from .catalog import select
from .compare import comparison
from .differences import differences
from .measuring import in_turn, is_named
from .model import Experiment
from .show import Show
from .verdict import judge_again

_FULL = 3  # full phases are about so many times as long as quick ones


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
        doctor=finale.PATH if whole else None,
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
    if run.plan is None:
        raise UsageError("these results have no plan")
    going = _Going(run, run.plan, show=show, keep=keep, verbose=verbose, live=live)
    await going.do_experiments()
    await going.tell_differences()
    await going.ask_doctor(keep_examination)
    return going.run


class _Going:
    """A run in progress. Each method does one part that ``run`` lacks, and saves the run with it."""

    def __init__(
        self,
        run: Results,
        plan: Plan,
        *,
        show: Show,
        keep: Callable[[Results], None],
        verbose: bool,
        live: LiveRun | None,
    ) -> None:
        self.run, self._plan = run, plan
        self._show, self._keep, self._verbose, self._live = show, keep, verbose, live
        self._before = run.duration - time.monotonic()
        lacking = run.comparison.missing if run.comparison else {}
        self._present = tuple(runtime for runtime in plan.runtimes if runtime not in lacking)

    def _keep_as(self, run: Results) -> None:
        self.run = replace(run, duration=self._before + time.monotonic())
        self._keep(self.run)

    def _stage(self, runtime: str = "trio") -> Stage:
        stage = Stage(quick=self.run.quick, dose=self.run.dose or 1.0, runtime=runtime, verbose=self._verbose)
        stage.live = self._live
        return stage

    async def do_experiments(self) -> None:
        failed = {one.name for one in self.run.experiments if one.failed}
        missing = {*self.run.missing, *failed}
        chosen = [one for one in select(self._plan.experiments, self._plan.runtimes) if one.name in missing]
        self.run = replace(self.run, experiments=tuple(one for one in self.run.experiments if one.name not in failed))
        for number, experiment in enumerate(chosen, 1):
            await self._experiment(experiment, f"[{number}/{len(chosen)}]")

    async def _experiment(self, experiment: Experiment, which: str) -> None:
        run, rounds = self.run, self._plan.rounds
        seconds = expected_s(experiment, self._present, quick=run.quick, dose=run.dose or 1.0, rounds=rounds)
        self._show.begin(f"{which} {experiment.name}: {experiment.question}", seconds)
        # An experiment that starts the runtimes itself has one stage.
        stages = {runtime: self._stage(runtime) for runtime in (("trio",) if experiment.across else self._present)}
        if len(stages) > 1:
            for stage in stages.values():
                stage.blockers = Blockers()
        found = await in_turn(experiment, stages, rounds, self._show)
        self._keep_as(_with(run, experiment, stages, found))
        for runtime, result in found.items():  # what is said is kept, whatever happens next
            self._show.say(f"      {f'{runtime}: ' * is_named(stages)}{result.outcome}: {result.finding}")

    async def tell_differences(self) -> None:
        """What lies between the runtimes of a comparison, told without an experiment."""
        compared = self.run.comparison
        if compared is not None and not compared.differences:
            told = await differences(self._present, say=self._show.say)
            self._keep_as(replace(self.run, comparison=replace(compared, differences=told)))

    async def ask_doctor(self, keep_examination: Callable[[Examination], None]) -> None:
        path = self._plan.doctor
        if path is None or not self.run.unexamined:
            return
        stage, on_step = self._stage(), partial(_show_step, self._show)
        seconds = finale.expected_s(stage)
        self._show.begin(f"doctor: which queue of the lab's own server fills first, at {path}?", seconds)
        found = await finale.examined(path, stage, on_step=on_step, keep=keep_examination)
        self._keep_as(replace(self.run, doctor=found))
        self._show.say(f"      {found.failed if found.diagnosis is None else found.diagnosis.verdict}")


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


def _with(
    run: Results,
    experiment: Experiment,
    stages: dict[str, Stage],
    found: dict[str, ExperimentResult],
) -> Results:
    """The run with one more experiment."""
    run = replace(run, experiments=(*run.experiments, *found.values()))
    if run.comparison is None or not experiment.compared or len(found) < 2:
        return run
    blockers = {runtime: stage.blockers for runtime, stage in stages.items() if stage.blockers is not None}
    one = comparison(experiment, found, blockers)
    before = (other for other in run.comparison.experiments if other.name != one.name)
    return replace(run, comparison=replace(run.comparison, experiments=(*before, one)))


def judged_again(results: Results) -> Results:
    """The same with every verdict made again from its figures."""
    return replace(results, experiments=tuple(map(judge_again, results.experiments)))
