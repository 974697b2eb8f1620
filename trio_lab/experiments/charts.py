"""Charts and tables as data, in the few shapes that the cases need. How they look is the report's affair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Chart = dict[str, Any]
Table = dict[str, Any]
Point = tuple[Any, float | None]


def series(name: str, points: Iterable[Point], *, role: str | None = None) -> dict[str, Any]:
    """One named series. ``role``: good, bad, neutral or None."""
    return {"name": name, "points": [list(point) for point in points], "role": role}


def rule(at: float, label: str, *, axis: str = "y") -> dict[str, Any]:
    return {"axis": axis, "at": at, "label": label}


def chart(
    title: str,
    kind: str,
    x: str,
    y: str,
    data: Sequence[dict[str, Any]],
    *,
    log_x: bool = False,
    log_y: bool = False,
    categories: bool = False,
    rules: Sequence[dict[str, Any]] = (),
    note: str | None = None,
) -> dict[str, Any]:
    """A chart of ``kind`` line, step, point or bar; titles of axes with their units."""
    return {
        "title": title,
        "kind": kind,
        "x": {"title": x, "log": log_x, "categories": categories},
        "y": {"title": y, "log": log_y},
        "series": list(data),
        "rules": list(rules),
        "note": note,
    }


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str | float | None]], *, note: str | None = None
) -> Table:
    """Rows of one cell for each column; texts may mark code with `backticks`."""
    return {"title": title, "columns": list(columns), "rows": [list(row) for row in rows], "note": note}


def percentiles(
    title: str, data: Sequence[tuple[str, dict[str, float], str | None]], *, note: str | None = None
) -> dict[str, Any]:
    """Bars of p50, p90, p99 and max, one series for each (name, latency_ms of a load result, role)."""
    names = ("p50", "p90", "p99", "max")
    return chart(
        title,
        "bar",
        "percentile",
        "latency, ms",
        [series(name, [(p, latency[p]) for p in names], role=role) for name, latency, role in data],
        categories=True,
        note=note,
    )


def health_over_time(
    data: Sequence[tuple[str, Sequence[tuple[float, float]], str | None]], *, note: str | None = None
) -> dict[str, Any]:
    """/health latency over time, a line for each (name, points of seconds and milliseconds, role)."""
    return chart(
        "/health while the load runs",
        "line",
        "seconds since the load began",
        "/health latency, ms",
        [series(name, [(round(t, 3), round(ms, 3)) for t, ms in points], role=role) for name, points, role in data],
        log_y=True,
        rules=[rule(25, "25 ms")],
        note=note,
    )
