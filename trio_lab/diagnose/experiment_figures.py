"""What experiments found, as estimates by ``experiment.figure``: the median over the rounds that counted.

What an exact check is about, every round settles, as in `judge`."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from ..records.result import ExperimentResult, Outcome
from ..records.slo import Estimate, Objective
from .interval import median_interval
from .judge import measured_in

_PASSED: dict[Outcome, bool | None] = {"confirmed": True, "refuted": False, "undecided": None}


def experiment_figures(results: Iterable[ExperimentResult]) -> tuple[Estimate, ...]:
    """Every figure of every experiment."""
    return tuple(estimate for one in results for estimate in _figures(one))


def _figures(result: ExperimentResult) -> Iterable[Estimate]:
    all_rounds = result.rounds or ()
    rounds = [one for one, its in zip(all_rounds, result.conditions or (), strict=False) if its.counted]
    exact = {check.figure for check in result.evidence.checks if check.exact}
    for name, figure in result.evidence.figures.items():
        values = measured_in(all_rounds if name in exact else rounds, name)
        low, high = median_interval(values) or (None, None)
        if name in exact and values:
            low, high = min(values), max(values)
        measured = median(values) if values else figure
        note = "" if low is not None else f"{len(values)} rounds that count are too few for an interval"
        yield Estimate(figure=f"{result.name}.{name}", unit="", measured=measured, low=low, high=high, note=note)


def predictions(results: Iterable[ExperimentResult]) -> tuple[Objective, ...]:
    """That the prediction of each experiment is confirmed."""
    return tuple(
        Objective(
            claim=f"{one.name}: what it predicts",
            figure=one.name,
            relation=">=",
            bound=1,
            passed=False if one.failed else _PASSED[one.outcome],
            note=f"{one.outcome}: {one.finding}",
        )
        for one in results
    )
