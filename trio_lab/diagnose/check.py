"""One sentence of a prediction, as something that figures can refute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .judge import passes

Figures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One sentence of the prediction as a comparison: the figure of this name stands in ``relation`` to ``bound``."""

    claim: str
    figure: str
    relation: str
    bound: float
    unit: str = ""

    def against(self, figures: Figures) -> dict[str, Any]:
        measured = figures.get(self.figure)
        return {
            "claim": self.claim,
            "figure": self.figure,
            "measured": measured,
            "unit": self.unit,
            "relation": self.relation,
            "bound": self.bound,
            "passed": passes(measured, self.relation, self.bound),
        }
