"""Limits of a chart, and where their names go: beside the plot or above it, never on the data or on each other."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass

from trio_lab.records.chart import Chart, Rule
from trio_lab.records.reading import one_line
from trio_lab.report.scales import Scale

SIGN = 6.6
"""Average width of one character at 12 px, rounded up: too wide wastes some room, too narrow cuts off a letter."""

LINE = 15
"""Pixels from one line of text to the next."""

_SIGNS = 20  # in one line of a name beside the plot


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRule:
    """A limit, and where its name goes. ``text_at`` is in pixels: beside the plot the middle of the name from the top, above
    the plot its left end. ``row`` counts upwards from the plot."""

    axis: str
    at: float
    lines: tuple[str, ...]
    text_at: float
    row: int = 0


def limits(chart: Chart, axis: str, *, log: bool) -> list[Rule]:
    """The limits of one axis that can be drawn on it, from the lowest up."""
    rules = [rule for rule in chart.rules if rule.axis == axis]
    return sorted((rule for rule in rules if rule.at > 0 or not log), key=lambda rule: rule.at)


def beside(chart: Chart, y: Scale, height: float) -> list[PlacedRule]:
    """Names of y limits at the right edge, from the highest down; a name that would touch the one before moves below it."""
    placed, free = [], -math.inf
    for rule in reversed(limits(chart, "y", log=y.log)):
        lines = _wrapped(rule.label)
        half = LINE * len(lines) / 2
        middle = max(height * (1 - y.fraction(rule.at)), free + half)
        free = middle + half
        placed.append(PlacedRule(axis="y", at=rule.at, lines=lines, text_at=middle))
    return placed


def above(chart: Chart, x: Scale | None, width: float) -> list[PlacedRule]:
    """Names of x limits above the plot; a name that would touch the one before goes a row higher. A plot may be drawn wider
    than ``width``: names only move apart then. A limit without a name takes no room."""
    if x is None:
        return []
    placed: list[PlacedRule] = []
    ends: list[float] = []  # where the text of each row ends so far
    for rule in limits(chart, "x", log=x.log):
        at, label = width * x.fraction(rule.at), one_line(rule.label, limit=50)
        wide = len(label) * SIGN
        left = min(max(0.0, at - wide / 2), width - wide)
        row = next((n for n, end in enumerate(ends) if left > end + 8), len(ends)) if label else 0
        if label:
            ends[row : row + 1] = [left + wide]
        placed.append(PlacedRule(axis="x", at=rule.at, lines=(label,), text_at=left, row=row))
    return placed


def width_beside(chart: Chart) -> float:
    """The room that names of y limits need at the right of the plot."""
    lines = (line for rule in chart.rules if rule.axis == "y" for line in _wrapped(rule.label))
    return max(map(len, lines), default=0) * SIGN


def _wrapped(text: str) -> tuple[str, ...]:
    return tuple(textwrap.wrap(one_line(text, limit=80), _SIGNS)) or ("",)
