"""From figures to a verdict: each check compares the interval of one figure with one bound."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from ..records.figures import Check, Figures
from ..records.result import Outcome
from .interval import Interval, median_interval

_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def passes(measured: float | None, relation: str, bound: float) -> bool | None:
    """Whether a figure keeps its bound; None when there is no figure.

    Raises:
        ValueError: the relation is none of < <= > >=.
    """
    if relation not in _RELATIONS:
        raise ValueError(f"unknown relation {relation!r}")
    if measured is None or math.isnan(measured):
        return None
    return _RELATIONS[relation](measured, bound)


def checked(checks: Sequence[Check], figures: Figures) -> tuple[Check, ...]:
    """The checks of what is measured once, with what was measured and whether they hold."""
    measured = [(check, figures.get(check.figure)) for check in checks]
    return tuple(
        replace(check, measured=found, passed=passes(found, check.relation, check.bound)) for check, found in measured
    )


def checked_over(checks: Sequence[Check], rounds: Sequence[Figures], counted: Sequence[bool]) -> tuple[Check, ...]:
    """The checks, with the median and the interval of what the rounds that count measured, and whether they hold.

    An exact check is settled by every round: no neighbour changes what it counts. If no round counts, the others are
    shown, and settle nothing.
    """
    count = [one for one, counts in zip(rounds, counted, strict=True) if counts]
    return tuple(
        _checked(check, measured_in(rounds if check.exact or not count else count, check.figure), settles=bool(count))
        for check in checks
    )


def measured_in(rounds: Sequence[Figures], figure: str) -> list[float]:
    """A figure of every round that has it; infinite ones too."""
    return [value for one in rounds if (value := one.get(figure)) is not None and not math.isnan(value)]


def _checked(check: Check, values: list[float], *, settles: bool) -> Check:
    if not values:
        return replace(check, measured=None, low=None, high=None, passed=None)
    interval = median_interval(values) if settles else None
    if check.exact:
        interval = min(values), max(values)
    return replace(
        check,
        measured=median(values),
        low=interval and interval[0],
        high=interval and interval[1],
        passed=interval and side(check, interval),
    )


def side(check: Check, interval: Interval) -> bool | None:
    """Whether both ends of the interval keep the bound; None when only one does."""
    low, high = (passes(end, check.relation, check.bound) for end in interval)
    return low if low is high else None


def judge(checks: Sequence[Check]) -> Outcome:
    """The outcome of a prediction from its checks.

    One failed check refutes the prediction, whatever is open beside it. An open one leaves it undecided.
    """
    verdicts = [check.passed for check in checks]
    if False in verdicts:
        return "refuted"
    return "undecided" if None in verdicts or not verdicts else "confirmed"
