"""Where things go in a chart, decided before anything is drawn: rows, axes, styles, and the room that text needs.

The height of a plot is fixed and its width is that of the page. So places are shares of the width, room for text at the
sides is in pixels, and what must not touch is placed for the narrowest plot: in a wider one things only move apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trio_lab.errors import UsageError
from trio_lab.records.chart import Chart
from trio_lab.records.reading import one_line
from trio_lab.report.limits import LINE, SIGN, PlacedRule, above, beside, width_beside
from trio_lab.report.look import Style, styles
from trio_lab.report.rows import categories_of, grouped, names_of, rows_of, scales_of
from trio_lab.report.scales import Scale

HEIGHT = 240
NARROW = 200
"""Pixels of the plot on a telephone: where a chart needs more, it scrolls."""

_WIDE = 600  # pixels of the plot on any larger screen
_FEW_POINTS = 40  # of each series: up to this number a line marks its points
_BARS = 0.72  # share of a category's width that its bars take
_WIDEST_BAR = 0.12  # of the plot's width


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a drawing needs. Lengths are in pixels.

    ``x`` is None for categories. A row has x, y, the name of its series, its number in it, the label of its bar and the
    height of that label. ``floor`` is where bars begin. ``side_by_side``: the bars of one category; ``marked``: lines
    show their points. ``left`` and ``right`` are the room beside the plot, ``top`` that for names above it, and ``width``
    the least width of the plot. ``bar`` is the width of a bar as a share of the plot's. ``bar_labels``: whether values
    stand above the bars: "always", "wide" (where there is room), or "never".
    """

    rows: list[dict[str, Any]]
    x_title: str
    y_title: str
    names: list[str]
    styles: list[Style]
    categories: list[str]
    x: Scale | None
    y: Scale
    y_ticks: list[float]
    floor: float
    rules: list[PlacedRule]
    height: float
    width: float
    left: float
    right: float
    top: float
    marked: bool
    bar: float
    bar_labels: str
    side_by_side: bool

    def across(self, x: Any) -> float:
        """Where a value lies in the width: 0 to 1."""
        return (self.categories.index(x) + 0.5) / len(self.categories) if self.x is None else self.x.fraction(x)

    def down(self, y: float) -> float:
        """Where a value lies in the height, from the top: 0 to 1."""
        return 1 - self.y.fraction(y)


def plan(chart: Chart, *, height: float = HEIGHT) -> Plan:
    """The layout of one chart. Raises `UsageError` when there is no series, or a name in place of a number."""
    if not chart.series:
        raise UsageError(f"the chart {one_line(chart.title)!r} has no series")
    names = names_of(chart)
    rows = rows_of(chart, names)
    x, y = scales_of(chart, rows)
    categories = categories_of(rows) if x is None else []
    width = max(NARROW, len(categories) * _cell(categories))
    floor = y.low if y.log else 0.0
    side_by_side = grouped(rows)
    bar = min(_BARS / max(1, len(categories)) / (len(names) if side_by_side else 1), _WIDEST_BAR)
    widest = max((len(row["label"]) for row in rows), default=0) * SIGN
    y_ticks = _fitting(y, height)
    above_plot = above(chart, x, width)
    right = width_beside(chart)
    return Plan(
        rows=[{**row, "top": floor if row["y"] is None else max(row["y"], floor)} for row in rows],
        x_title=one_line(chart.x.title, limit=90),
        y_title=one_line(chart.y.title, limit=90),
        names=names,
        styles=styles(chart.series),
        categories=categories,
        x=x,
        y=y,
        y_ticks=y_ticks,
        floor=floor,
        rules=beside(chart, y, height) + above_plot,
        height=height,
        width=width,
        left=max(len(tick_label(tick)) * SIGN + 10 for tick in y_ticks),
        right=max(right + 14 if right else 14, _overhang(x)),
        top=max((rule.row + 1 for rule in above_plot if any(rule.lines)), default=0) * LINE,
        marked=chart.kind == "line" and len(rows) <= _FEW_POINTS * len(names),
        bar=bar,
        bar_labels="always" if bar * width >= widest else "wide" if bar * _WIDE >= widest else "never",
        side_by_side=side_by_side,
    )


def tick_label(value: float) -> str:
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.12g}"


def shown_ticks(scale: Scale) -> list[tuple[float, bool]]:
    """The ticks of an x axis whose labels do not touch, and which of them also have room on a narrow plot."""
    need = sum(len(tick_label(tick)) * SIGN + 14 for tick in scale.ticks)
    every, narrow = (max(1, math.ceil(need / room)) for room in (_WIDE, NARROW))
    return [(tick, n % narrow == 0) for n, tick in enumerate(scale.ticks) if n % every == 0]


def _overhang(x: Scale | None) -> float:
    """How far the label of the last tick of an x axis reaches beyond the plot at most."""
    return len(tick_label(x.ticks[-1])) * SIGN / 2 if x and x.ticks else 0.0


def _fitting(y: Scale, height: float) -> list[float]:
    """The ticks of a y axis whose labels do not touch: of a logarithm the powers of ten, if these are two."""
    most = max(2, int(height / LINE))
    ticks = list(y.ticks)
    if y.log and len(ticks) > most:
        powers = [tick for tick in ticks if math.isclose(math.log10(tick), round(math.log10(tick)), abs_tol=1e-9)]
        ticks = powers if len(powers) > 1 else ticks
    return ticks[:: math.ceil(len(ticks) / most)]


def _cell(categories: Sequence[str]) -> float:
    """What a category needs for its longest word."""
    return min(max((len(word) for name in categories for word in name.split()), default=0) * SIGN + 6, 96.0)
