"""The marks of a chart as SVG elements. Places are percentages, so the plot can have any width.

A line is a path in a drawing of its own, which is stretched to the size of the plot; its stroke is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import Any

from trio_lab.records.chart import Chart
from trio_lab.report.layout import Plan
from trio_lab.report.look import Style
from trio_lab.report.prose import text
from trio_lab.report.table import format_figure, format_range

_MOST_COLUMNS = 120  # of values that can be read; points that are closer are read together
_LONGEST_UNIT = 18  # letters


def marks(chart: Chart, made: Plan) -> str:
    """Grid, limits and data, from the lowest layer to the highest."""
    return "".join([*_grid(made), *_rules(made), *(_bars(made) if chart.kind == "bar" else _series(chart, made))])


def percent(share: float) -> str:
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"


def _grid(made: Plan) -> Iterator[str]:
    for tick in made.y_ticks:
        at = percent(made.down(tick))
        yield f'<line class="grid" x1="0" x2="100%" y1="{at}" y2="{at}"/>'


def _rules(made: Plan) -> Iterator[str]:
    for rule in made.rules:
        if rule.axis == "y":
            at = percent(made.down(rule.at))
            yield f'<line class="rule" x1="0" x2="100%" y1="{at}" y2="{at}"/>'
        else:
            at = percent(made.across(rule.at))
            yield f'<line class="rule" x1="{at}" x2="{at}" y1="0" y2="100%"/>'


def _bars(made: Plan) -> Iterator[str]:
    ground = made.down(made.floor)
    for row in made.rows:
        if row["y"] is not None:
            left, style = bar_left(made, row), made.styles[made.names.index(row["series"])]
            top, bottom = sorted((made.down(row["y"]), ground))
            yield (
                f'<rect x="{percent(left + made.bar * 0.04)}" y="{percent(top)}" width="{percent(made.bar * 0.92)}" '
                f'height="{percent(bottom - top)}" rx="2" fill="{style.colour}"/>'
            )


def bar_left(made: Plan, row: dict[str, Any]) -> float:
    """The left edge of a bar: those of one category stand around its middle."""
    number = made.names.index(row["series"]) if made.side_by_side else 0
    count = len(made.names) if made.side_by_side else 1
    return made.across(row["x"]) + made.bar * (number - count / 2)


def _series(chart: Chart, made: Plan) -> Iterator[str]:
    for name, style in zip(made.names, made.styles, strict=True):
        rows = [row for row in made.rows if row["series"] == name]
        runs = [list(run) for known, run in groupby(rows, lambda row: row["y"] is not None) if known]
        dotted = rows if chart.kind == "point" or made.marked else [run[0] for run in runs if len(run) == 1]
        if chart.kind != "point":
            yield _line([run for run in runs if len(run) > 1], made, style, steps=chart.kind == "step")
        yield from (_point(row, made, style) for row in dotted if row["y"] is not None)


def _line(runs: list[list[dict[str, Any]]], made: Plan, style: Style, *, steps: bool) -> str:
    """One path with a piece for each run of points without a gap."""
    path = ""
    for run in runs:
        places = [(f"{1000 * made.across(row['x']):.1f}", f"{1000 * made.down(row['y']):.1f}") for row in run]
        (x, y), *rest = places
        path += f"M{x} {y}" + "".join(f"H{x}V{y}" if steps else f"L{x} {y}" for x, y in rest)
    dash = f' stroke-dasharray="{style.dash}"' if style.dash else ""
    drawn = f'<path class="line" d="{path}" stroke="{style.colour}"{dash}/>'
    return f'<svg viewBox="0 0 1000 1000" preserveAspectRatio="none">{drawn}</svg>' if path else ""


def _point(row: dict[str, Any], made: Plan, style: Style) -> str:
    x, y = percent(made.across(row["x"])), percent(made.down(row["y"]))
    return f'<svg x="{x}" y="{y}" width="1" height="1"><path d="{style.shape}" fill="{style.colour}"/></svg>'


def columns(made: Plan) -> str:
    """Invisible columns over the whole plot, each with the values at its place as its title.

    A browser shows a title to a resting pointer; the page's script reads it to a moving one, a finger or the arrow keys.
    """
    found: dict[int, list[dict[str, Any]]] = {}
    for row in made.rows:
        if row["y"] is not None:
            found.setdefault(min(int(made.across(row["x"]) * _MOST_COLUMNS), _MOST_COLUMNS - 1), []).append(row)
    if not found:
        return ""
    together = [rows for _, rows in sorted(found.items())]
    middles = [sum(made.across(row["x"]) for row in rows) / len(rows) for rows in together]
    edges = [0.0, *((one + other) / 2 for one, other in pairwise(middles)), 1.0]
    return "".join(
        f'<rect class="at" x="{percent(left)}" width="{percent(right - left)}" height="100%" '
        f'data-x="{percent(middle)}"><title>{text(_said(rows, made))}</title></rect>'
        for rows, middle, (left, right) in zip(together, middles, pairwise(edges), strict=True)
    )


def _said(rows: list[dict[str, Any]], made: Plan) -> str:
    """``1.2 seconds since the start``, and a line with the values of each series."""
    unit = made.y_title.rpartition(", ")[2]
    unit = unit if len(unit) <= _LONGEST_UNIT else ""
    lines = [_where(rows, made)]
    for name in made.names:
        if values := [row["y"] for row in rows if row["series"] == name]:
            value = format_range(min(values), max(values)) or format_figure(values[0])
            lines.append(f"{name}: {value} {unit}".rstrip())
    return "\n".join(lines)


def _where(rows: list[dict[str, Any]], made: Plan) -> str:
    if made.x is None:
        return str(rows[0]["x"])
    where = format_figure(rows[0]["x"])
    return f"{made.x_title}: {where}" if "," in made.x_title else f"{where} {made.x_title}"
