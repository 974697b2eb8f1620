"""Where things go in a chart, settled before anything is drawn: rows, axes, looks, and the room that text needs.

Widths of text are estimates, a little generous: what is estimated too wide costs some white, too narrow costs a letter.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trio_lab.errors import UsageError
from trio_lab.report.look import Style, styles
from trio_lab.report.scales import Scale, linear, logarithmic
from trio_lab.report.shape import Axis, Chart, Rule
from trio_lab.report.table import format_figure

HEIGHT = 280
WIDTH = 760  # of the whole drawing; the plot gets what the labels at its right leave
_SIGN = 6.6  # one character at 12 px, on average
_LINE = 15
_FEW_POINTS = 40  # of each series; up to here a line marks its points, as so few were measured one by one
_RULE_TEXT = 20  # characters of a limit's name in one line


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRule:
    """A limit and where its name stands, in pixels of the plot."""

    axis: str
    at: float
    lines: tuple[str, ...]
    text_at: float
    text_dy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All a drawing needs to know that is not a matter of the drawing library; lengths in pixels.

    ``x`` is `None` for categories. A row has x, y, the name of its series, its number in it, what to write at its
    bar and at which height. ``floor`` is where bars stand; ``marked`` lines show their points; ``filled`` says whether
    the legend shows areas (of bars and points) or pieces of line.
    """

    rows: list[dict[str, Any]]
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


def plan(chart: Chart) -> Plan:
    """The layout of one chart. Raises `UsageError` for a name where a number must stand."""
    names = _names(chart)
    named = chart.kind == "bar" or chart.x.categories
    rows = list(_rows(chart, names, named=named))
    x = None if named else _scale(chart.x, [row["x"] for row in rows], _rules(chart, "x"), zero=False)
    y = _scale(chart.y, [row["y"] for row in rows if row["y"] is not None], _rules(chart, "y"), zero=True)
    labels = max(len(f"{tick:,g}") for tick in y.ticks) * _SIGN + 8
    right = max((_text_width(_wrapped(rule.label)) for rule in chart.rules if rule.axis == "y"), default=0.0)
    width = WIDTH - labels - (right + 14 if right else 16)
    y_rules, x_rules = _beside(chart, y), _above(chart, x, width)
    categories = list(dict.fromkeys(str(row["x"]) for row in rows)) if named else []
    slot = width / max(1, len(categories))
    tilted = bool(categories) and slot < 44
    if not tilted and categories:
        rows = [{**row, "x": _in_slot(row["x"], slot)} for row in rows]
        categories = list(dict.fromkeys(row["x"] for row in rows))
    floor = y.low if y.log else 0.0
    rows = [{**row, "top": floor if row["y"] is None else row["y"]} for row in rows]
    marked = chart.kind == "line" and len(rows) <= _FEW_POINTS * len(names)
    bar = slot * 0.72 / max(1, len(names))
    widest = max((len(row["label"]) for row in rows), default=0) * _SIGN
    return Plan(
        rows=rows,
        names=names,
        styles=styles(chart.series),
        categories=categories,
        x=x,
        y=y,
        floor=floor,
        rules=y_rules + x_rules,
        width=width,
        padding={"left": 6, "top": 6, "bottom": 6, "right": 6 if right else 16},
        top_labels=max((8 - rule.text_dy for rule in x_rules), default=0.0),
        y_label_width=labels,
        legend_columns=_columns(names),
        marked=marked,
        filled=marked or chart.kind in ("bar", "point"),
        label_angle=-40 if tilted else 0,
        bar_width=max(1.0, min(bar * 0.9, 64.0)),
        bar_labels=bar >= widest - 2,
    )


def _names(chart: Chart) -> list[str]:
    """Names of series made unique: two of one name would be drawn as one line."""
    seen: Counter[str] = Counter()
    names = []
    for series in chart.series:
        seen[series.name] += 1
        names.append(series.name if seen[series.name] == 1 else f"{series.name} ({seen[series.name]})")
    return names


def _rows(chart: Chart, names: Sequence[str], *, named: bool) -> Iterator[dict[str, Any]]:
    for name, series in zip(names, chart.series, strict=True):
        for n, (x, y) in enumerate(series.points):
            if not named and (not isinstance(x, float) or not math.isfinite(x) or (chart.x.log and x <= 0)):
                if isinstance(x, str):
                    raise UsageError(f"the chart {chart.title!r} has a name on a numeric x axis")
                continue
            shown = y if y is not None and math.isfinite(y) and not (chart.y.log and y <= 0) else None
            category = x if isinstance(x, str) else format_figure(x)
            label = "–" if y is None else format_figure(y)
            yield {"x": category if named else x, "y": shown, "series": name, "n": n, "label": label}


def _rules(chart: Chart, axis: str) -> list[float]:
    return [rule.at for rule in chart.rules if rule.axis == axis and math.isfinite(rule.at)]


def _scale(axis: Axis, values: list[float], rules: list[float], *, zero: bool) -> Scale:
    known = values + rules
    return logarithmic(known, nice=zero) if axis.log else linear(known, zero=zero, nice=zero)


def _placeable(chart: Chart, axis: str, *, log: bool) -> list[Rule]:
    rules = [rule for rule in chart.rules if rule.axis == axis and math.isfinite(rule.at)]
    return sorted((rule for rule in rules if rule.at > 0 or not log), key=lambda rule: rule.at)


def _beside(chart: Chart, y: Scale) -> list[PlacedRule]:
    """Names of y limits at the right edge, from the highest down, each pushed below the one before where they touch."""
    placed, free = [], -math.inf
    for rule in reversed(_placeable(chart, "y", log=y.log)):
        lines = _wrapped(rule.label)
        half = _LINE * len(lines) / 2
        middle = max(HEIGHT * (1 - y.fraction(rule.at)), free + half)
        free = middle + half
        # With several lines the library puts the first one at the given height.
        first = -(_LINE - 1) * (len(lines) - 1) / 2
        placed.append(PlacedRule(axis="y", at=rule.at, lines=lines, text_at=middle, text_dy=first))
    return placed


def _above(chart: Chart, x: Scale | None, width: float) -> list[PlacedRule]:
    """Names of x limits above the plot, a row higher where they would touch the one before."""
    if x is None:
        return []
    placed: list[PlacedRule] = []
    ends: list[float] = []  # where the text of each row ends so far
    for rule in _placeable(chart, "x", log=x.log):
        at, wide = width * x.fraction(rule.at), len(rule.label) * _SIGN
        left = min(max(0.0, at - wide / 2), width - wide)
        row = next((n for n, end in enumerate(ends) if left > end + 8), len(ends))
        ends[row : row + 1] = [left + wide]
        placed.append(PlacedRule(axis="x", at=rule.at, lines=(rule.label,), text_at=left, text_dy=-6 - row * _LINE))
    return placed


def _wrapped(text: str) -> tuple[str, ...]:
    return tuple(textwrap.wrap(text, _RULE_TEXT)) or ("",)


def _text_width(lines: Sequence[str]) -> float:
    return max(map(len, lines)) * _SIGN


def _in_slot(category: str, slot: float) -> str:
    return "\n".join(textwrap.wrap(category, max(4, int(slot / _SIGN)))) or category


def _columns(names: Sequence[str]) -> int:
    """As many legend entries in a row as fit: 0 lets them all stand in one."""
    wide = [len(name) * 7.2 + 46 for name in names]
    return 0 if sum(wide) <= WIDTH else max(1, int(WIDTH / max(wide)))
