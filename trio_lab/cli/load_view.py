"""What `trio-lab load` shows at a terminal: a bar while it runs, a table when it has ended."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..load.plan import LoadPlan
from ..load.results import Progress as LoadProgress
from ..records.codec import to_plain
from ..records.load import LoadResult, Part
from .console import errors, output

_ORIGIN = re.compile(r"^https?://[^/?#]*(?=.)", re.IGNORECASE)  # the same for all URLs of a run


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
        by_count = plan.requests is not None and plan.rate is None
        task = bar.add_task("loading", total=plan.requests if by_count else plan.span)

        def move(so_far: LoadProgress) -> None:
            row, counts = so_far.last, so_far.counts
            p50 = (row.p50 or 0.0) * 1e3
            text = f"{row.ok / plan.interval:,.0f} ok/s, p50 {p50:.1f} ms, {counts.shed} shed, {counts.errors} errors"
            if so_far.backlog:
                text += f", {so_far.backlog:,} not sent yet"
            bar.update(task, completed=counts.sent if by_count else so_far.elapsed, description=text)

        yield move


def show(result: LoadResult) -> None:
    table = Table(title=escape(_title(result)), title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    counts = to_plain(result.requests)
    table.add_row("requests", ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items()))
    table.add_row("throughput", f"{result.throughput:,.1f} replies/s, goodput {result.goodput:,.1f}/s")
    latency = to_plain(result.latency)
    table.add_row(
        "latency",
        ", ".join(f"{name.replace('p99_9', 'p99.9')} {_ms(value)}" for name, value in latency.items()) + " ms",
    )
    if result.requests.shed:
        table.add_row("refusals", f"p50 {_ms(result.shed.p50)}, p99 {_ms(result.shed.p99)} ms")
    if result.retries is not None:
        again = to_plain(result.retries)
        table.add_row("again", ", ".join(f"{number:,} {name}" for name, number in again.items()))
    for status, found in result.by_status.items():
        if status not in ("2xx", "429", "503"):
            table.add_row(f"{status} replies", f"p50 {_ms(found.p50)}, p99 {_ms(found.p99)}, max {_ms(found.max)} ms")
    table.add_row("status", ", ".join(f"{status}: {number:,}" for status, number in result.status.items()) or "none")
    if result.error_kinds:
        kinds = ", ".join(f"{kind}: {number:,}" for kind, number in result.error_kinds.items())
        table.add_row("errors", escape(kinds))
    output().print(table)
    for kind, parts in (("URL", result.urls), ("stage", result.stages)):
        if parts:
            output().print(_parts(kind, parts))


def _parts(kind: str, parts: Sequence[Part]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(kind, style="bold", overflow="fold")
    for name in ("sent", "ok", "shed", "timed out", "errors", "dropped", "p50", "p99", "max ms"):
        table.add_column(name, justify="right")
    for part in parts:
        counts, latency = part.requests, part.latency
        ends = (counts.sent, counts.ok, counts.shed, counts.timed_out, counts.errors, counts.dropped)
        figures = [*(f"{number:,}" for number in ends), *map(_ms, (latency.p50, latency.p99, latency.max))]
        table.add_row(escape(_ORIGIN.sub("", part.name)), *figures)
    return table


def _ms(seconds: float) -> str:
    return "–" if math.isnan(seconds) else f"{seconds * 1e3:,.2f}"


def _title(result: LoadResult) -> str:
    how = f"{result.connections} connection{'s' * (result.connections != 1)}, {result.duration:.4g} s, {result.mode} workload"
    rate = "" if result.offered is None else f" at {result.offered:g}/s"
    more = f" and {len(result.urls) - 1} more" if result.urls else ""
    return f"{result.url}{more} — {how}{rate}{' in stages' if result.stages else ''}"
