"""Runtimes beside each other: rounds become medians with their spread, and figures ratios to Trio's of the same round.

As in a verdict, rounds that other programs disturbed much do not count. The figures of a runtime that has no other rounds are
shown, and compared with nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..records.chart import Cell, Chart, Table
from ..records.figures import Compared, Figures
from ..records.result import ComparedExperiment, ExperimentResult
from ..records.spread import Spread
from ..report.table import format_figure
from ..stage.blockers import Blockers
from . import charts
from .model import Experiment

_Rounds = Mapping[str, Sequence[Figures | None]]
"""The figures of every round on each runtime, None for a round that does not count. Rounds of the same number were measured one
after the other."""


def comparison(
    experiment: Experiment, results: Mapping[str, ExperimentResult], blockers: Mapping[str, Blockers] | None = None
) -> ComparedExperiment:
    """What a report shows of one experiment on several runtimes. ``blockers`` has for each what its servers said of the lines
    that blocked their loop."""
    counting = {runtime: _counting(result) for runtime, result in results.items()}
    shown = {
        runtime: [one for one in its if one is not None] or results[runtime].rounds or ()
        for runtime, its in counting.items()
    }
    figures = tuple(_compared(compared, shown, counting) for compared in experiment.compared)
    return ComparedExperiment(
        name=experiment.name,
        title=experiment.title,
        question=experiment.question,
        figures=figures,
        chart=_chart(figures, shown),
        finding="\n\n".join([*map(_said, figures), *_not_counted(counting)]),
        blockers=None if blockers is None else _blockers(blockers),
    )


def _counting(result: ExperimentResult) -> list[Figures | None]:
    rounds = zip(result.rounds or (), result.conditions or (), strict=True)
    return [figures if its.counted else None for figures, its in rounds]


def _not_counted(counting: _Rounds) -> list[str]:
    """A sentence about the runtimes on which no round counts."""
    none = [runtime for runtime, its in counting.items() if all(one is None for one in its)]
    return [f"Not compared, for no round counts: {', '.join(none)}."] if none else []


def _compared(compared: Compared, shown: Mapping[str, Sequence[Figures]], counting: _Rounds) -> Compared:
    values = {runtime: [one[compared.figure] for one in rounds] for runtime, rounds in shown.items()}
    by_round = {
        runtime: [None if one is None else one[compared.figure] for one in rounds]
        for runtime, rounds in counting.items()
    }
    ours = by_round.get("trio")
    return replace(
        compared,
        values={runtime: _spread(found) for runtime, found in values.items()},
        ratios={runtime: _ratios(found, ours) for runtime, found in by_round.items() if ours and runtime != "trio"},
    )


def _measured(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _spread(values: Sequence[float | None]) -> Spread:
    found = _measured(values)
    return Spread.of(found).rounded() if found else Spread()


def _ratios(theirs: Sequence[float | None], ours: Sequence[float | None]) -> Spread:
    """Round by round; a round in which either has no finite figure, or Trio's is zero, tells nothing."""
    pairs = [_measured(pair) for pair in zip(theirs, ours, strict=False)]
    return _spread([pair[0] / pair[1] for pair in pairs if len(pair) == 2 and pair[1]])


def _chart(figures: Sequence[Compared], rounds: Mapping[str, Sequence[Figures]]) -> Chart | None:
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


def _blockers(blockers: Mapping[str, Blockers]) -> Table:
    return Table(
        title="Who blocked the loop",
        columns=("runtime", "line", "cause", "request", "stalls", "all, ms", "longest, ms"),
        rows=tuple((runtime, *_blocker(runtime, found)) for runtime, found in blockers.items()),
        note="The line that blocked for the longest time in all, over the servers of all rounds.",
    )


def _blocker(runtime: str, blockers: Blockers) -> tuple[Cell, ...]:
    if runtime == "node":
        return ("it cannot tell: Node's timer shows that the loop was late, and not which line made it so", *[None] * 5)
    if not blockers.told:
        return ("not known: no server answered when it was asked", *[None] * 5)
    if (found := blockers.worst) is None:
        return ("none: no pass was over the budget", "", "", 0, 0.0, 0.0)
    return (found.where, found.cause, found.label or "", found.count, found.total, found.longest)
