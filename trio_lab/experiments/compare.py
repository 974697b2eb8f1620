"""Runtimes beside each other: rounds become medians with their spread, and figures ratios to Trio's of the same round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from ..diagnose.judge import checked, judge
from ..records.chart import Chart
from ..records.figures import Compared
from ..records.result import ComparedExperiment, ExperimentResult
from ..records.spread import Spread
from ..report.table import format_figure
from . import charts
from .model import Experiment

Rounds = Mapping[str, Sequence[ExperimentResult]]


def judge_again(result: ExperimentResult) -> ExperimentResult:
    """The same with its verdict made again from its figures.

    A check that was judged without a figure keeps its verdict: the figure was infinite, which a results file cannot hold.
    """
    before = result.evidence.checks
    checks = tuple(
        old if old.measured is new.measured is None and old.passed is not None else new
        for old, new in zip(before, checked(before, result.evidence.figures), strict=True)
    )
    return replace(result, evidence=replace(result.evidence, checks=checks), outcome=judge(checks))


def merged(results: Sequence[ExperimentResult]) -> ExperimentResult:
    """One result of several rounds: the last one's charts, and every figure the median of those that were measured."""
    *_, last = results
    if len(results) == 1:
        return last
    figures = {name: _median(_values(results, name)) for name in last.evidence.figures}
    return judge_again(
        replace(
            last,
            evidence=replace(last.evidence, figures=figures),
            duration=sum(result.duration for result in results),
            failed=any(result.failed for result in results),
            notes=tuple(dict.fromkeys(note for result in results for note in result.notes)),
            rounds=tuple(result.evidence.figures for result in results),
        )
    )


def comparison(experiment: Experiment, rounds: Rounds) -> ComparedExperiment:
    """What a report shows of one experiment on several runtimes."""
    figures = tuple(_compared(compared, rounds) for compared in experiment.compared)
    return ComparedExperiment(
        name=experiment.name,
        title=experiment.title,
        question=experiment.question,
        figures=figures,
        chart=_chart(figures, rounds),
        finding="\n\n".join(map(_said, figures)),
    )


def _compared(compared: Compared, rounds: Rounds) -> Compared:
    values = {runtime: _values(results, compared.figure) for runtime, results in rounds.items()}
    ours = values.get("trio")
    return replace(
        compared,
        values={runtime: _spread(found) for runtime, found in values.items()},
        ratios={runtime: _ratios(found, ours) for runtime, found in values.items() if ours and runtime != "trio"},
    )


def _values(results: Sequence[ExperimentResult], figure: str) -> list[float | None]:
    return [result.evidence.figures[figure] for result in results]


def _measured(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _median(values: Sequence[float | None]) -> float | None:
    found = _measured(values)
    return median(found) if found else None


def _spread(values: Sequence[float | None]) -> Spread:
    found = _measured(values)
    return Spread.of(found).rounded() if found else Spread()


def _ratios(theirs: Sequence[float | None], ours: Sequence[float | None]) -> Spread:
    """Round by round; a round in which either has no finite figure, or Trio's is zero, tells nothing."""
    pairs = [_measured(pair) for pair in zip(theirs, ours, strict=True)]
    return _spread([pair[0] / pair[1] for pair in pairs if len(pair) == 2 and pair[1]])


def _chart(figures: Sequence[Compared], rounds: Rounds) -> Chart | None:
    """The figures that share the first one's unit, a bar for each runtime."""
    shown = [figure for figure in figures if figure.unit == figures[0].unit]
    medians = [figure.values[runtime].median for figure in shown for runtime in rounds]
    found = [value for value in medians if value]
    if not found:
        return None
    return charts.bars(
        "The runtimes beside each other",
        ("figure", f"median, {shown[0].unit}"),
        [(runtime, [(figure.label, figure.values[runtime].median) for figure in shown], None) for runtime in rounds],
        log_y=max(found) > 30 * min(found) and len(found) == len(medians),
        note=f"Rounds: {max(map(len, rounds.values()))}; the runtimes took turns.",
    )


def _said(figure: Compared) -> str:
    """One figure in words, the best first."""
    medians = {runtime: found.median for runtime, found in figure.values.items() if found.median is not None}
    if len(medians) < 2:
        return f"{figure.label}: not measured on two runtimes."
    ordered = sorted(medians, key=medians.__getitem__, reverse=figure.better == "higher")
    told = ", ".join(f"{runtime} {format_figure(medians[runtime], figure.unit)}" for runtime in ordered)
    return f"{figure.label}: {told}."
