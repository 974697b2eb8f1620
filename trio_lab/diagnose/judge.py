"""From figures to a verdict: each check compares one figure with one bound; nothing is judged that was not measured."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

CONFIRMED, REFUTED, NOT_ENOUGH_DATA = "confirmed", "refuted", "not enough data"

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


def judge(checks: Sequence[Mapping[str, Any]]) -> str:
    """The outcome of a prediction from its checks (``measured``, ``relation``, ``bound``).

    One failed check refutes the prediction, whatever is missing beside it. A missing figure leaves it open.
    """
    verdicts = [passes(check["measured"], check["relation"], check["bound"]) for check in checks]
    if False in verdicts:
        return REFUTED
    if None in verdicts or not verdicts:
        return NOT_ENOUGH_DATA
    return CONFIRMED
