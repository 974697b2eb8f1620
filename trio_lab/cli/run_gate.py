"""A run of experiments and what is asked of it: their predictions, their figures, and the comparison with an earlier run."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from ..catalog import meant
from ..diagnose.baseline import Better, compared, other_machine
from ..diagnose.experiment_figures import experiment_figures, predictions
from ..diagnose.slo import judged
from ..errors import UsageError
from ..experiments.catalog import EXPERIMENTS
from ..records.reading import read_results
from ..records.result import ExperimentResult, Results
from ..records.slo import FIGURES, Objective
from ..report.standing import listed
from ..report.table import several_runtimes
from .gate import Gate


def check_figures(gate: Gate, run: Results) -> None:
    """
    Raises:
        UsageError: an objective is about an experiment or a figure that there is not, the baseline is not a run, or one of
            the two runs is on several runtimes: which one is meant?
    """
    runtimes = run.plan.runtimes if run.plan else ()
    if len(runtimes) > 1:
        raise UsageError("--slo, --baseline and --junit are for a run on one runtime")
    if gate.baseline is not None:
        before = read_results(gate.baseline)
        if several_runtimes(before):
            names = listed(list(dict.fromkeys(one.runtime for one in before.experiments)))
            raise UsageError(f"the baseline is a run on {names}: --baseline takes one on a single runtime")
    known = {one.name: one for one in EXPERIMENTS}
    for objective in gate.objectives:
        if objective.figure in FIGURES:
            continue
        name, _, figure = objective.figure.partition(".")
        if name not in known:
            raise UsageError(f"slo {objective.claim!r}: unknown experiment {name!r}; {meant(name, list(known))}")
        declared = [one for runtime in runtimes for one in known[name].declared(runtime)]
        if figure not in declared:
            raise UsageError(f"slo {objective.claim!r}: {name} has no figure {figure!r}; {meant(figure, declared)}")


def asked_of(gate: Gate, run: Results) -> tuple[Objective, ...]:
    """The predictions and the objectives, judged, and the comparisons with the baseline."""
    figures = experiment_figures(run.experiments)
    found = (*predictions(run.experiments), *judged(gate.objectives, figures))
    if gate.baseline is None:
        return found
    before = read_results(gate.baseline).experiments
    unlike = other_machine(_speed(before), _speed(run.experiments))
    better = _better(run.experiments)
    return (*found, *compared(experiment_figures(before), figures, better, unlike=unlike))


def _better(results: Iterable[ExperimentResult]) -> dict[str, Better]:
    """The figures that the predictions are about. What counts must not happen, or always, the predictions judge alone."""
    return {
        f"{one.name}.{check.figure}": "lower" if check.relation[0] == "<" else "higher"
        for one in results
        for check in one.evidence.checks
        if not check.exact
    }


def _speed(results: Iterable[ExperimentResult]) -> float | None:
    speeds = [one.speed for result in results for one in result.conditions or () if one.speed]
    return median(speeds) if speeds else None
