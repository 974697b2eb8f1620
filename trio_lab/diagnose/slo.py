"""Whether objectives are met, by estimates.

An objective is met if the whole 95 % interval of its figure is on the right side of the target, and not met if it is
wholly on the other. Otherwise it could not be told, and the note says why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from ..records.slo import FIGURES, Estimate, Objective
from .judge import side

_LONGEST = 3600.0  # seconds that anybody would wait for


def judged(
    objectives: Iterable[Objective], estimates: Iterable[Estimate], *, seconds: float = 0.0
) -> tuple[Objective, ...]:
    """The objectives, with what was measured and whether they are met. One without an estimate is skipped.

    ``seconds`` is how long was measured, if measuring for longer makes the intervals narrower.
    """
    found = {one.figure: one for one in estimates}
    return tuple(_judged(one, found.get(one.figure), seconds) for one in objectives)


def _judged(objective: Objective, estimate: Estimate | None, seconds: float) -> Objective:
    if estimate is None:
        return replace(objective, skipped=True, note="not measured in this run")
    measured, low, high = estimate.measured, estimate.low, estimate.high
    found = replace(objective, measured=measured, low=low, high=high, note=estimate.note)
    if measured is None or low is None or high is None:
        return replace(found, note=estimate.note or "too little was measured for an interval")
    passed = side(objective, (low, high))
    if passed is None and not (math.isinf(high) and estimate.note):
        found = replace(found, note=f"the target lies within the interval{_longer(objective, estimate, seconds)}")
    elif passed is not None and math.isinf(high):
        found = replace(found, note="")  # that the interval is open did not matter
    return replace(found, passed=passed)


def _longer(objective: Objective, estimate: Estimate, seconds: float) -> str:
    """How long would do: an interval narrows with the square root of the time."""
    middle, target = estimate.measured or 0.0, objective.bound
    end = (estimate.high if middle < target else estimate.low) or 0.0
    needed = seconds * ((end - middle) / (target - middle)) ** 2 if middle != target else math.inf
    return f", about {max(1.5 * seconds, needed):.0f} s could tell" if 0 < needed <= _LONGEST else ""


def needs_the_server(objectives: Iterable[Objective]) -> bool:
    """Whether one of them is about what only the server knows."""
    return any(one.figure in FIGURES and FIGURES[one.figure].side == "server" for one in objectives)
