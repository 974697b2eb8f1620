"""What `trio-lab load` shows at a terminal: a bar while it runs, a table when it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..load.plan import LoadPlan
from ..load.results import LoadResult
from ..load.results import Progress as LoadProgress
from .console import errors, output


@contextmanager
def progress(plan: LoadPlan) -> Iterator[Callable[[LoadProgress], None]]:
    """A bar on standard error, and what moves it."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    ) as bar:
        task = bar.add_task("loading", total=plan.duration)

        def move(so_far: LoadProgress) -> None:
            row, counts = so_far.last, so_far.counts
            text = f"{row.ok / plan.interval:,.0f} ok/s, p50 {row.p50 * 1e3:.1f} ms, {counts.shed} shed, {counts.errors} errors"
            bar.update(task, completed=so_far.elapsed, description=text)

        yield move


def show(result: LoadResult) -> None:
    found = result.as_json()
    requests, latency = found["requests"], found["latency_ms"]
    table = Table(title=escape(_title(found)), title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    table.add_row("requests", ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in requests.items()))
    table.add_row("throughput", f"{found['throughput_rps']:,.1f} replies/s, goodput {found['goodput_rps']:,.1f}/s")
    table.add_row(
        "latency", ", ".join(f"{name.replace('p99_9', 'p99.9')} {_ms(ms)}" for name, ms in latency.items()) + " ms"
    )
    if requests["shed"]:
        shed = found["shed_ms"]
        table.add_row("refusals", f"p50 {_ms(shed['p50'])}, p99 {_ms(shed['p99'])} ms")
    table.add_row("status", ", ".join(f"{status}: {number:,}" for status, number in found["status"].items()) or "none")
    if found["error_kinds"]:
        kinds = ", ".join(f"{kind}: {number:,}" for kind, number in found["error_kinds"].items())
        table.add_row("errors", escape(kinds))
    output().print(table)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"


def _title(found: dict[str, Any]) -> str:
    how = f"{found['connections']} connections, {found['duration_s']:g} s, {found['mode']} workload"
    rate = f" at {found['offered_rps']:g}/s" if found["mode"] == "open" else ""
    return f"{found['url']} — {how}{rate}"
