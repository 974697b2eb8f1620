"""What `trio-lab simulate` prints on a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from ..simulate.answer import Answer
from ..simulate.checked import GOAL, Checked
from ..simulate.sweep import Swept
from .console import output


def show(found: Answer, name: str, *, page: Path | None) -> None:
    """Print what came of it, and where the page is if there is one."""
    out = output()
    load = "closed workload" if found.load is None else f"load {found.load:.3g} of what can be served"
    out.print(f"{name}: {found.servers} servers, {load}, seed {found.seed}", markup=False)
    rows = {
        "requests": f"{found.came:,} came, {found.served:,} served, {found.refused:,} refused, {found.left:,} left, "
        f"{found.failed:,} failed, {found.wasted:,} served in vain",
        "goodput": f"{found.goodput:,.4g}/s in {found.seconds:,.4g} s, utilization {found.utilization:.3f}",
        "wait": f"mean {found.wait.mean:.4g}, p50 {found.wait.p50:.4g}, p99 {found.wait.p99:.4g} s",
        "response": f"mean {found.response.mean:.4g}, p50 {found.response.p50:.4g}, p99 {found.response.p99:.4g} s",
        "speed": f"{found.requests_per_wall:,.0f} requests a second",
    }
    if (theory := found.theory) is not None:
        rows["theory"] = (
            f"{theory.queue}: mean wait {theory.theory:.4g} s; simulated {theory.simulated:.4g} s, {theory.error:+.1%} "
            f"(99 %: {theory.low:+.1%} to {theory.high:+.1%}, {theory.replications} replications)"
        )
    for key, value in rows.items():
        out.print(f"{key:10}{value}", markup=False)
    if found.sweep is not None:
        out.print(_swept(found.sweep))
        out.print(knee_of(found.sweep))
    if found.checks:
        out.print(_checked(found.checks))
    if page is not None:
        out.print(f"page: {page}/index.html", markup=False)


def knee_of(sweep: Swept) -> str:
    """Where goodput stops rising, in a sentence."""
    if sweep.knee is None:
        return f"Goodput has no knee between these values of {sweep.parameter}."
    return f"Goodput stops rising at {sweep.parameter} {sweep.knee:.3g}."


def _swept(sweep: Swept) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    of_load = sweep.parameter == "load"
    for column in (
        sweep.parameter,
        *([] if of_load else ["load"]),
        "goodput",
        "shed",
        "utilization",
        "mean wait, s",
        "p99, s",
    ):
        table.add_column(column, justify="right")
    for one in sweep.points:
        load = [] if of_load else [one.load]
        figures = (one.x, *load, one.goodput, one.shed, one.utilization, one.wait.mean, one.wait.p99)
        table.add_row(*(f"{figure:.4g}" for figure in figures))
    return table


def _checked(checks: tuple[Checked, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("figure", "measured", "predicted", "error", "interval", f"within {GOAL:.0%}"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for one in checks:
        interval = "–" if one.low is None or one.high is None else f"{one.low:+.1%} to {one.high:+.1%}"
        table.add_row(
            one.figure,
            f"{one.measured:.4g}",
            f"{one.predicted:.4g}",
            f"{one.error:+.1%}",
            interval,
            "yes" if one.holds else "no",
        )
    return table
