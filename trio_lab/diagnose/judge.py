"""From figures to a verdict: each check compares one figure with one bound; what was not measured is not judged."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..records.figures import Check, Figures
from ..records.result import Outcome

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
    """The checks, with what was measured and whether they hold."""
    measured = [(check, figures.get(check.figure)) for check in checks]
    return tuple(
        replace(check, measured=found, passed=passes(found, check.relation, check.bound)) for check, found in measured
    )


def judge(checks: Sequence[Check]) -> Outcome:
    """The outcome of a prediction from its checks.

    One failed check refutes the prediction, whatever is missing beside it. A missing figure leaves it open.
    """
    verdicts = [check.passed for check in checks]
    if False in verdicts:
        return "refuted"
    if None in verdicts or not verdicts:
        return "not enough data"
    return "confirmed"
