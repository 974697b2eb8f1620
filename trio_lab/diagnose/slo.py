"""Whether objectives are met, by estimates.

An objective is met if the whole 95 % interval of its figure is on the right side of the target, and not met if it is
wholly on the other. Otherwise it could not be told, and the note says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..records.slo import FIGURES, Estimate, Objective
from .judge import side


def judged(objectives: Iterable[Objective], estimates: Iterable[Estimate]) -> tuple[Objective, ...]:
    """The objectives, with what was measured and whether they are met. One without an estimate is skipped."""
    found = {one.figure: one for one in estimates}
    return tuple(_judged(one, found) for one in objectives)


def _judged(objective: Objective, estimates: Mapping[str, Estimate]) -> Objective:
    estimate = estimates.get(objective.figure)
    if estimate is None:
        return replace(objective, skipped=True, note="not measured by this command")
    interval = None if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)
    passed = side(objective, interval) if interval is not None and estimate.measured is not None else None
    note = estimate.note
    if passed is None and not note:
        note = "the target lies within the interval" if interval else "too little was measured for an interval"
    return replace(
        objective, measured=estimate.measured, low=estimate.low, high=estimate.high, passed=passed, note=note
    )


def needs_the_server(objectives: Iterable[Objective]) -> bool:
    """Whether one of them is about what only the server knows."""
    return any(one.figure in FIGURES and FIGURES[one.figure].side == "server" for one in objectives)
