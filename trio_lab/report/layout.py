"""Where things go in a chart, decided before anything is drawn: rows, axes, styles, and the room that text needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trio_lab.errors import UsageError
from trio_lab.records.chart import Chart
from trio_lab.records.reading import one_line
from trio_lab.report.limits import SIGN, PlacedRule, above, beside, width_beside
from trio_lab.report.look import Style, styles
from trio_lab.report.rows import categories_of, folded, grouped, names_of, rows_of, scales_of
from trio_lab.report.scales import Scale

HEIGHT = 280
WIDTH = 760  # of the whole drawing: the plot has what the labels on both sides leave
_FEW_POINTS = 40  # of each series: up to this number a line marks its points
_NARROW = 44  # pixels: with less room, labels that do not fit are tilted instead of folded


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a drawing needs besides the drawing library. Lengths are in pixels.

    ``x`` is None for categories. A row has x, y, the name of its series, its number in it, the label of its bar and the
    height of that label. ``floor`` is where bars begin. ``side_by_side``: the bars of one category; ``marked``: lines
    show their points; ``filled``: the legend shows areas (of bars and points) and not pieces of line.
    """

    rows: list[dict[str, Any]]
    x_title: str
    y_title: str
    names: list[str]
    styles: list[Style]
    categories: list[str]
    x: Scale | None
    y: Scale
    floor: float
    rules: list[PlacedRule]
    width: float
    padding: dict[str, float]
    top_labels: float
    y_label_width: float
    legend_columns: int
    marked: bool
    filled: bool
    label_angle: float
    bar_width: float
    bar_labels: bool
    side_by_side: bool


def plan(chart: Chart) -> Plan:
    """The layout of one chart. Raises `UsageError` when there is no series, or a name in place of a number."""
    if not chart.series:
        raise UsageError(f"the chart {one_line(chart.title)!r} has no series")
    names = names_of(chart)
    rows = rows_of(chart, names)
    x, y = scales_of(chart, rows)
    labels = max(len(f"{tick:,.12g}") for tick in y.ticks) * SIGN + 8
    right = width_beside(chart)
    width = WIDTH - labels - (right + 14 if right else 16)
    above_plot = above(chart, x, width)
    slot = width / max(1, len(categories_of(rows))) if x is None else width
    tilted = slot < min(_NARROW, max((len(name) * SIGN for name in categories_of(rows)), default=0.0))
    if x is None and not tilted:
        rows = folded(rows, slot)
    floor = y.low if y.log else 0.0
    rows = [{**row, "top": floor if row["y"] is None else max(row["y"], floor)} for row in rows]
    marked = chart.kind == "line" and len(rows) <= _FEW_POINTS * len(names)
    side_by_side = grouped(rows)
    bar = slot * 0.72 / (len(names) if side_by_side else 1)
    widest = max((len(row["label"]) for row in rows), default=0) * SIGN
    return Plan(
        rows=rows,
        x_title=one_line(chart.x.title, limit=90),
        y_title=one_line(chart.y.title, limit=90),
        names=names,
        styles=styles(chart.series),
        categories=categories_of(rows) if x is None else [],
        x=x,
        y=y,
        floor=floor,
        rules=beside(chart, y, HEIGHT) + above_plot,
        width=width,
        padding={"left": 6, "top": 6, "bottom": 6, "right": 6 if right else 16},
        top_labels=max((8 - rule.text_dy for rule in above_plot), default=0.0),
        y_label_width=labels,
        legend_columns=_columns(names),
        marked=marked,
        filled=marked or chart.kind in ("bar", "point"),
        label_angle=-40 if tilted else 0,
        bar_width=max(1.0, min(bar * 0.9, 64.0)),
        bar_labels=bar >= widest - 2,
        side_by_side=side_by_side,
    )


def _columns(names: Sequence[str]) -> int:
    """How many legend entries fit into a row; 0 if all of them do."""
    wide = [len(name) * 7.2 + 46 for name in names]
    return 0 if sum(wide) <= WIDTH else max(1, int(WIDTH / max(wide)))
