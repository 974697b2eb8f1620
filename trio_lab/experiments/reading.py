"""The figures of an experiment in words that cannot contradict them.

A sentence of a finding is put together from figures (`Reading.said`) and from words that a figure chooses (`Reading.change`,
`Reading.chosen`). So "grew", "stayed" and "fell" are never written into a text: they follow from the ratio.

A ratio is the median of the rounds' ratios, and no quotient of two medians. So a finding tells it beside one of its two figures
at most: a reader who divides the one by the other would find another number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..records.figures import Check, Figures
from ..report.table import format_figure

_SAME = 0.1  # a change of less than a tenth is told as none


@dataclass(frozen=True, slots=True)
class Reading:
    """The medians of all rounds, and the checks that were made with them."""

    figures: Figures
    checks: Sequence[Check] = ()

    def __getitem__(self, figure: str) -> float | None:
        return self.figures[figure]

    def said(self, figure: str, unit: str = "") -> str:
        """A figure with its unit: ``3.2 ms``; "not measured" without a value."""
        return format_figure(self.figures[figure], unit)

    def change(self, ratio: str) -> str:
        """What a ratio of after to before means: "stayed what it was", "grew to 4.9×", "fell to 0.4×"."""
        value = self.figures[ratio]
        if value is None or not math.isfinite(value):
            return "changed by a factor that was not measured"
        if abs(value - 1) < _SAME:
            return "stayed what it was"
        return f"{'grew' if value > 1 else 'fell'} to {format_figure(value, '×')}"

    def chosen(self, figure: str, *, holds: str, fails: str, undecided: str = "") -> str:
        """One of three texts, by the verdict on the check of this figure.

        Raises:
            KeyError: there is no check of it.
        """
        verdicts = {check.figure: check.passed for check in self.checks}
        return {True: holds, False: fails, None: undecided}[verdicts[figure]]
