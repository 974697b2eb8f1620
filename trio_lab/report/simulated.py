"""The page of a simulation: what came of it, and how wait, goodput, refusals and utilization change over a sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trio_lab.records.chart import Axis, Chart, Rule, Series, Table
from trio_lab.records.codec import encode
from trio_lab.report.charts import draw
from trio_lab.report.disk import write_whole
from trio_lab.report.frame import framed
from trio_lab.report.prose import text
from trio_lab.report.section import table_figure
from trio_lab.simulate.answer import Answer
from trio_lab.simulate.checked import GOAL
from trio_lab.simulate.sweep import Point, Swept

_PANEL = 120  # pixels
_Curves = dict[str, Callable[[Point], float]]
_PANELS: dict[str, tuple[str, _Curves]] = {
    "Wait": ("s", {"mean": lambda one: one.wait.mean, "p99": lambda one: one.wait.p99}),
    "Goodput": ("served in time, per second", {"goodput": lambda one: one.goodput}),
    "Shed": ("% of the attempts", {"refused": lambda one: 100 * one.shed}),
    "Utilization": ("% of the places", {"taken": lambda one: 100 * one.utilization}),
}


def save(found: Answer, folder: Path, *, name: str) -> Path:
    """Write ``simulated.json`` and ``index.html``; returns the path of the page.

    Raises:
        UsageError: the folder cannot be written.
    """
    write_whole(folder / "simulated.json", encode(found) + b"\n")
    page = folder / "index.html"
    write_whole(page, render(found, name).encode())
    return page


def render(found: Answer, name: str) -> str:
    """The whole page."""
    lead = f"{found.goodput:,.4g} requests a second served in time; they waited {found.wait.mean:.3g} s on average"
    facts = f"{name}, seed {found.seed}: {found.came:,} requests at {found.servers} servers in {found.seconds:,.4g} s"
    parts = [_figures(found)]
    if found.sweep is not None:
        parts.insert(0, _swept(found.sweep))
    if found.theory is not None:
        parts.append(_theory(found))
    if found.checks:
        parts.append(_checks(found))
    return framed(
        title=f"trio-lab: {name}",
        eyebrow="trio-lab simulate",
        lead=text(lead),
        facts=f'<p class="dose">{text(facts)}</p>',
        body="\n".join(f'<section class="experiment">{part}</section>' for part in parts),
    )


def _swept(sweep: Swept) -> str:
    title = f"What changes with {sweep.parameter}"
    charts = [_chart(sweep, name, unit, curves) for name, (unit, curves) in _PANELS.items()]
    return f"<figure><h3>{text(title)}</h3>{draw(title, *charts, height=_PANEL)}</figure>"


def _chart(sweep: Swept, name: str, unit: str, curves: _Curves) -> Chart:
    knee = () if sweep.knee is None else (Rule(axis="x", at=sweep.knee, label=f"knee: {sweep.knee:.3g}"),)
    return Chart(
        title=name,
        kind="line",
        x=Axis(title=sweep.parameter),
        y=Axis(title=unit),
        series=tuple(
            Series(name=curve, points=tuple((one.x, value(one)) for one in sweep.points))
            for curve, value in curves.items()
        ),
        rules=knee,
    )


def _figures(found: Answer) -> str:
    rows = tuple(
        (name, of.mean, of.p50, of.p99, of.max) for name, of in (("wait", found.wait), ("response", found.response))
    )
    counts = f"{found.served:,} served, {found.refused:,} refused, {found.left:,} left, {found.failed:,} failed"
    note = f"{counts}. {found.utilization:.1%} of the places were taken."
    columns = ("seconds", "mean", "p50", "p99", "max")
    return table_figure(Table(title="How long it took", columns=columns, rows=rows, note=note))


def _theory(found: Answer) -> str:
    theory = found.theory
    assert theory is not None
    row = (
        theory.queue,
        theory.theory,
        theory.simulated,
        f"{theory.error:+.2%}",
        f"{theory.low:+.2%} to {theory.high:+.2%}",
    )
    columns = ("queue", "theory, s", "simulated, s", "error", "99 % interval")
    note = f"Mean waits, simulated in {theory.replications} replications."
    return table_figure(Table(title="Against theory", columns=columns, rows=(row,), note=note))


def _checks(found: Answer) -> str:
    rows = tuple(
        (
            f"`{one.figure}`",
            one.measured,
            one.predicted,
            f"{one.error:+.1%}",
            "–" if one.low is None or one.high is None else f"{one.low:+.1%} to {one.high:+.1%}",
        )
        for one in found.checks or ()
    )
    columns = ("figure", "measured", "predicted", "error", "interval")
    note = f"The goal is an error of at most {GOAL:.0%}."
    return table_figure(Table(title="Against a measured run", columns=columns, rows=rows, note=note))
