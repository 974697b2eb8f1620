"""Charts and tables in the few shapes that the cases need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from ..records.chart import Axis, Cell, Chart, Kind, Point, Role, Rule, Series, Table
from ..records.load import Latencies
from ..stage.loaded import Loaded

Drawn = Sequence[tuple[str, Iterable[Point], Role | None]]
"""What a chart shows: the name, the points and the role of each series."""


def rule(at: float, label: str, *, axis: Literal["x", "y"] = "y") -> Rule:
    """A limit, or on the x axis the moment something happened."""
    return Rule(axis=axis, at=at, label=label)


def chart(
    title: str,
    kind: Kind,
    axes: tuple[str, str],
    data: Drawn,
    *,
    log_x: bool = False,
    log_y: bool = False,
    rules: Sequence[Rule] = (),
    note: str | None = None,
) -> Chart:
    """A chart whose ``axes``, x and y, have these titles with their units."""
    x, y = axes
    return Chart(
        title=title,
        kind=kind,
        x=Axis(title=x, log=log_x, categories=kind == "bar"),
        y=Axis(title=y, log=log_y),
        series=tuple(Series(name=name, points=tuple(points), role=role) for name, points, role in data),
        rules=tuple(rules),
        note=note,
    )


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, note: str | None = None) -> Table:
    """Rows of one cell for each column; texts may mark code with `backticks`."""
    return Table(title=title, columns=tuple(columns), rows=tuple(map(tuple, rows)), note=note)


def bars(
    title: str,
    axes: tuple[str, str],
    data: Drawn,
    *,
    log_y: bool = False,
    rules: Sequence[Rule] = (),
    note: str | None = None,
) -> Chart:
    """A bar of each series for each category."""
    return chart(title, "bar", axes, data, log_y=log_y, rules=rules, note=note)


def percentiles(title: str, data: Sequence[tuple[str, Latencies, Role | None]], *, note: str | None = None) -> Chart:
    """Bars of p50, p90, p99 and max, one series for each (name, latencies, role)."""
    return bars(
        title,
        ("percentile", "latency, ms"),
        [
            (name, [("p50", of.p50 * 1e3), ("p90", of.p90 * 1e3), ("p99", of.p99 * 1e3), ("max", of.max * 1e3)], role)
            for name, of, role in data
        ],
        note=note,
    )


def health_over_time(data: Sequence[tuple[str, Loaded, Role | None]], *, note: str | None = None) -> Chart:
    """/health latency over time, a line for each (name, load phase, role)."""
    return chart(
        "/health while the load runs",
        "line",
        ("seconds since the load began", "/health latency, ms"),
        [(name, in_ms(run.health_points()), role) for name, run, role in data],
        log_y=True,
        note=note,
    )


def in_ms(points: Iterable[tuple[float, float]]) -> list[Point]:
    """(seconds since the start, seconds that something took) as points whose y is in milliseconds."""
    return [(round(at, 3), round(took * 1e3, 3)) for at, took in points]
