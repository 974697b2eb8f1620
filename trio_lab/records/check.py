"""Claims that figures can refute: a check of one figure, and a figure that is compared between runtimes.

A case declares both before anything runs; `diagnose.judge` and `experiments.compare` fill in what was measured. So the
report draws the record that the case declared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from .spread import Spread

Relation = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One claim of a prediction: the figure of this name stands in ``relation`` to ``bound``, both in ``unit``.

    ``passed`` is None when nothing was ``measured``.

    Raises:
        ValueError: the bound is not a finite number.
    """

    claim: str
    figure: str
    measured: float | None = None
    unit: str = ""
    relation: Relation
    bound: float
    passed: bool | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.bound):
            raise ValueError(f"the bound of a check must be a finite number, not {self.bound}")


def check(claim: str, figure: str, relation: Relation, bound: float, unit: str = "") -> Check:
    """A check as a case declares it, in one line."""
    return Check(claim=claim, figure=figure, relation=relation, bound=bound, unit=unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure compared between runtimes, in ``unit``.

    ``values`` and ``ratios`` are by runtime; a ratio is that of the runtime's figure to Trio's of the same round.
    """

    figure: str
    label: str
    unit: str
    better: Literal["lower", "higher"]
    values: dict[str, Spread] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)


def compared(figure: str, label: str, unit: str, better: Literal["lower", "higher"]) -> Compared:
    """A compared figure as a case declares it, in one line."""
    return Compared(figure=figure, label=label, unit=unit, better=better)
