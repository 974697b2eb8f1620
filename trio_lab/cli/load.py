"""`trio-lab load`."""

from __future__ import annotations

import json
import signal
import sys
from typing import Annotated, Any

import trio
from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..load.generator import run_load
from ..load.plan import LoadPlan
from ..load.results import LoadResult
from ..load.results import Progress as LoadProgress

_errors = Console(stderr=True)


async def load(
    url: str,
    /,
    *,
    connections: Annotated[int, Parameter(alias="-c")] = 10,
    duration: Annotated[float, Parameter(alias="-d")] = 10.0,
    rate: Annotated[float | None, Parameter(alias="-R")] = None,
    timeout: float = 10.0,
    leave_after: float | None = None,
    interval: float = 1.0,
    samples: Annotated[bool, Parameter(negative="")] = False,
    i_own_this: Annotated[bool, Parameter(negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Load a server and measure every reply. Stress only what you own.

    Without a rate the workload is closed: each connection asks again when it was answered. With one it is open:
    requests start when they are due, whatever comes back, and latency counts from the intended start.

    Parameters
    ----------
    url
        What to ask for, http only.
    connections
        Connections, and so requests in flight, at most.
    duration
        Seconds to send for; what is then in flight is waited for.
    rate
        Requests per second: makes the workload open.
    timeout
        Seconds from the intended start after which a request has failed.
    leave_after
        Patience of a client in seconds: it leaves without a word, and comes again.
    interval
        Seconds to one row of the series.
    samples
        Keep every single latency in the JSON.
    i_own_this
        The target is yours although it is not on this machine.
    json_
        Print one JSON object instead of the table.
    """
    plan = LoadPlan(
        url=url,
        connections=connections,
        duration=duration,
        rate=rate,
        timeout=timeout,
        leave_after=leave_after,
        interval=interval,
        own_this=i_own_this,
        keep_samples=samples,
    )
    result, interrupted = await _run(plan, quiet=json_ or not _errors.is_terminal)
    if json_:
        print(json.dumps(result.as_json()))
    else:
        _show(result)
    bottleneck = result.as_json()["generator"]["bottleneck"]
    if bottleneck:
        _errors.print(f"trio-lab: warning: {bottleneck}", style="yellow", highlight=False)
    return 130 if interrupted else 0


async def _run(plan: LoadPlan, *, quiet: bool) -> tuple[LoadResult, bool]:
    """Ctrl-C ends the run early with the figures it has; a second one ends it without."""
    stop = trio.Event()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=_errors,
        disable=quiet,
        transient=True,
    ) as bar:
        task = bar.add_task("loading", total=plan.duration)

        def show(progress: LoadProgress) -> None:
            row, counts = progress.last, progress.counts
            text = f"{row.ok / plan.interval:,.0f} ok/s, p50 {row.p50 * 1e3:.1f} ms, {counts.shed} shed, {counts.errors} errors"
            bar.update(task, completed=progress.elapsed, description=text)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_ctrl_c, stop)
            result = await run_load(plan, on_progress=show, stop=stop)
            nursery.cancel_scope.cancel()
    return result, stop.is_set()


async def _stop_on_ctrl_c(stop: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        async for _ in signals:
            if stop.is_set():
                raise KeyboardInterrupt
            stop.set()


def _show(result: LoadResult) -> None:
    found = result.as_json()
    requests, latency = found["requests"], found["latency_ms"]
    table = Table(title=_title(found), title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    table.add_row("requests", ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in requests.items()))
    table.add_row("throughput", f"{found['throughput_rps']:,.1f} replies/s, goodput {found['goodput_rps']:,.1f}/s")
    table.add_row(
        "latency", ", ".join(f"{name.replace('p99_9', 'p99.9')} {ms:,.2f}" for name, ms in latency.items()) + " ms"
    )
    if requests["shed"]:
        shed = found["shed_ms"]
        table.add_row("refusals", f"p50 {shed['p50']:,.2f}, p99 {shed['p99']:,.2f} ms")
    table.add_row("status", ", ".join(f"{status}: {number:,}" for status, number in found["status"].items()) or "none")
    if found["error_kinds"]:
        table.add_row("errors", ", ".join(f"{kind}: {number:,}" for kind, number in found["error_kinds"].items()))
    Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 160).print(table)


def _title(found: dict[str, Any]) -> str:
    how = f"{found['connections']} connections, {found['duration_s']:g} s, {found['mode']} workload"
    rate = f" at {found['offered_rps']:g}/s" if found["mode"] == "open" else ""
    return f"{found['url']} — {how}{rate}"
