"""The points of a chart as rows, one for each mark, and the scales they need.

What cannot be drawn is handled here: a value that is not finite, or not positive on a logarithmic axis, is a gap; a
point without a number on a numeric x axis is left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from trio_lab.errors import UsageError
from trio_lab.records.chart import Chart
from trio_lab.records.reading import one_line
from trio_lab.report.limits import limits
from trio_lab.report.scales import Scale, linear, logarithmic
from trio_lab.report.table import format_figure

_ROOM_BELOW, _ROOM_ABOVE = 1.25, 1.06

Rows = list[dict[str, Any]]
"""Each with x and y, the name of its series, its number ``n`` in it, and the ``label`` of its bar."""


def names_of(chart: Chart) -> list[str]:
    """Unique names for the series: two of the same name would be drawn as one line."""
    seen: Counter[str] = Counter()
    names = []
    for series in chart.series:
        name = one_line(series.name, limit=80)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def rows_of(chart: Chart, names: Sequence[str]) -> Rows:
    """All points, one row each. Raises `UsageError` for a name in place of a number."""
    rows: Rows = []
    for name, series in zip(names, chart.series, strict=True):
        for n, (x, y) in enumerate(series.points):
            if is_named(chart):
                x = one_line(x, limit=60) if isinstance(x, str) else format_figure(x)
            elif isinstance(x, str):
                raise UsageError(f"the chart {one_line(chart.title)!r} has a name on a numeric x axis")
            elif x is None or not _placed(x, log=chart.x.log):
                continue
            shown = y if y is not None and _placed(y, log=chart.y.log) else None
            rows.append({"x": x, "series": name, "n": n, "y": shown, "label": "–" if y is None else format_figure(y)})
    return rows


def is_named(chart: Chart) -> bool:
    """Whether x holds categories. Bars always have categories: between two bars there is nothing."""
    return chart.kind == "bar" or chart.x.categories


def _placed(value: float, *, log: bool) -> bool:
    return math.isfinite(value) and (value > 0 or not log)


def scales_of(chart: Chart, rows: Rows) -> tuple[Scale | None, Scale]:
    """The scales of x (`None` for categories) and y, wide enough for the points and the limits."""
    heights = [row["y"] for row in rows if row["y"] is not None]
    if chart.kind == "bar" and heights:  # the lowest is still visible as a bar, and the highest has room for its value
        heights += [min(heights) / _ROOM_BELOW, max(heights) * _ROOM_ABOVE]
    heights += [rule.at for rule in limits(chart, "y", log=chart.y.log)]
    y = logarithmic(heights, nice=True) if chart.y.log else linear(heights, zero=True, nice=True)
    if is_named(chart):
        return None, y
    points = [row["x"] for row in rows]
    places = points + [rule.at for rule in limits(chart, "x", log=chart.x.log)]
    places += [end for end in chart.x.span or () if math.isfinite(end)]
    x = logarithmic(places, nice=False, named=points) if chart.x.log else linear(places, zero=False, nice=False)
    return x, y


def categories_of(rows: Rows) -> list[str]:
    """The categories, in the order of the rows."""
    return list(dict.fromkeys(str(row["x"]) for row in rows))


def grouped(rows: Rows) -> bool:
    """Whether a category has a bar of more than one series."""
    return len({(row["x"], row["series"]) for row in rows}) > len({row["x"] for row in rows})
