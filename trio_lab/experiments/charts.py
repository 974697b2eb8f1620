"""Charts and tables in the few shapes that the cases need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ..records.chart import Axis, Cell, Chart, Kind, Point, Role, Rule, Series, Table


def series(name: str, points: Iterable[Point], *, role: Role | None = None) -> Series:
    """One named series."""
    return Series(name=name, points=tuple(points), role=role)


def rule(at: float, label: str, *, axis: Literal["x", "y"] = "y") -> Rule:
    """A limit, or on the x axis the moment something happened."""
    return Rule(axis=axis, at=at, label=label)


def chart(
    title: str,
    kind: Kind,
    x: str,
    y: str,
    data: Sequence[Series],
    *,
    log_x: bool = False,
    log_y: bool = False,
    categories: bool = False,
    rules: Sequence[Rule] = (),
    note: str | None = None,
) -> Chart:
    """A chart whose axes have the titles ``x`` and ``y``, with their units."""
    return Chart(
        title=title,
        kind=kind,
        x=Axis(title=x, log=log_x, categories=categories),
        y=Axis(title=y, log=log_y),
        series=tuple(data),
        rules=tuple(rules),
        note=note,
    )


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, note: str | None = None) -> Table:
    """Rows of one cell for each column; texts may mark code with `backticks`."""
    return Table(title=title, columns=tuple(columns), rows=tuple(map(tuple, rows)), note=note)


def percentiles(
    title: str, data: Sequence[tuple[str, Mapping[str, float], Role | None]], *, note: str | None = None
) -> Chart:
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
    data: Sequence[tuple[str, Sequence[tuple[float, float]], Role | None]], *, note: str | None = None
) -> Chart:
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
