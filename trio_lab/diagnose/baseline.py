"""Whether a run is worse than an earlier one, figure by figure.

Durations and rates are compared by their ratio, shares by their difference in points. The interval of either comes from
the intervals of both runs, by MOVER (Zou and Donner, 2008): the distances from each figure to the ends of its interval are
added as squares. These intervals show how much slices or rounds of a run differ, but not that the machine may be slower
today. So runs at different speeds of the machine are not compared.

A figure may be worse by a tenth, or by one point, because two runs of the same program differ by some per cent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from ..records.figures import Relation
from ..records.slo import Estimate, Objective
from .interval import Interval
from .judge import side

WORSE = 1.1
_POINTS = 1.0
_SPEED = 0.1  # share by which the machine may be faster or slower than in the earlier run

Better = Literal["lower", "higher"]


def compared(
    before: Iterable[Estimate], now: Iterable[Estimate], better: Mapping[str, Better], *, unlike: str = ""
) -> tuple[Objective, ...]:
    """An objective for each figure in ``better``: that it is not worse than before. ``better`` has the better direction.

    If the runs cannot be compared, ``unlike`` says why, and no objective is decided.
    """
    earlier = {one.figure: one for one in before}
    found = (
        _compared(earlier.get(one.figure) or Estimate(figure=one.figure, unit=one.unit), one, better[one.figure])
        for one in now
        if one.figure in better
    )
    return tuple(replace(one, passed=None, note=unlike) if unlike else one for one in found)


def other_machine(before: float | None, now: float | None) -> str:
    """Why runs at these machine speeds cannot be compared; empty when they can, or when one is not known."""
    if not before or not now or abs(now / before - 1) <= _SPEED:
        return ""
    return f"the machine computed {now / before:.2f} × as fast as in the earlier run"


def _compared(before: Estimate, now: Estimate, better: Better) -> Objective:
    lower, points = better == "lower", now.unit == "%"
    relation: Relation = "<=" if lower else ">="
    bound = (_POINTS if lower else -_POINTS) if points else (WORSE if lower else round(1 / WORSE, 2))
    claim = f"{now.figure} {'minus' if points else '÷'} the baseline's"
    objective = Objective(
        claim=claim, figure=now.figure, unit="points" if points else "×", relation=relation, bound=bound
    )
    first, second = _ends(before), _ends(now)
    if before.measured is None or now.measured is None or first is None or second is None:
        known = "earlier run" if first is None else "run"
        return _with(objective, None, None, f"the {known} has no interval of it")
    change = _difference if points else _ratio
    measured, interval = change((before.measured, first), (now.measured, second))
    note = f"{now.measured:.4g} {now.unit}, was {before.measured:.4g} {before.unit}"
    return _with(objective, measured, interval, note)


def _with(objective: Objective, measured: float | None, interval: Interval | None, note: str) -> Objective:
    low, high = interval or (None, None)
    passed = None if interval is None else side(objective, interval)
    return replace(objective, measured=measured, low=low, high=high, passed=passed, note=note)


def _ends(estimate: Estimate) -> Interval | None:
    """An end that is null in a file was infinite, if the other one is not."""
    if estimate.measured is None or (estimate.low is None and estimate.high is None):
        return None
    low = -math.inf if estimate.low is None else estimate.low
    return low, math.inf if estimate.high is None else estimate.high


Sure = tuple[float, Interval]


def _difference(before: Sure, now: Sure) -> Sure:
    (was, (was_low, was_high)), (is_, (low, high)) = before, now
    change = is_ - was
    return change, (change - math.hypot(is_ - low, was_high - was), change + math.hypot(high - is_, was - was_low))


def _ratio(before: Sure, now: Sure) -> tuple[float | None, Interval | None]:
    """By logarithms; None when one of the figures is zero, but for two that are zero for certain: they are the same."""
    (was, (was_low, was_high)), (is_, (low, high)) = before, now
    if not any((was, was_low, was_high, is_, low, high)):
        return 1.0, (1.0, 1.0)
    if was <= 0 or is_ <= 0:
        return None, None
    shrink = math.hypot(_log(is_, low), _log(was_high, was))
    grow = math.hypot(_log(high, is_), _log(was, was_low))
    return is_ / was, (is_ / was * math.exp(-shrink), is_ / was * math.exp(grow))


def _log(one: float, other: float) -> float:
    return math.log(one / other) if other > 0 and one < math.inf else math.inf
