"""`trio-lab load`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter

from ..load.generator import run_load
from ..load.plan import LoadPlan
from ..load.results import LoadRun, Progress
from ..records.slo import SloResult
from ..stage.quiet import machine_speed
from ..worker.lifeline import tie_life
from .ending import Terminated
from .flags import JsonFlag, Junit
from .gate import CODES, gate
from .load_gate import asked_of, baseline_of, figures_of, in_json, judgeable, watched
from .load_options import Asked, LoadOptions
from .load_verdict import Watch, problem
from .written import Written


async def load(
    url: str,
    /,
    *others: str,
    asked: LoadOptions = None,
    csv: Path | None = None,
    hdr: Path | None = None,
    slo: str | None = None,
    baseline: Path | None = None,
    junit: Junit = None,
    json_: Annotated[JsonFlag, Parameter(alias="-j")] = False,
    lifeline: Annotated[bool, Parameter(show=False)] = False,
) -> int:
    """Load a server and measure every reply. Stress only what you own.

    Without a rate the workload is closed: each connection asks again when it was answered. With --rate or --stages it is
    open: requests start when they are due, whatever comes back, and latency counts from the intended start.

    A duration is 5s, 2m, 500ms, 1m30s, or a number of seconds.

    Ctrl-C and SIGTERM end the run early, with the figures there are (exit code 130 or 143). Exit code 1: no request
    succeeded, because there was no connection, no reply, or none with a status of 2xx.
    With --slo or --baseline also: 1 an objective is not met, 2 it could not be told.

    Parameters
    ----------
    url
        What to ask for, http or https.
    others
        More URLs of the same server. URL@3 is asked for three times as often as one without a weight.
    csv
        Write the series to this file as CSV, or with --samples every latency.
    hdr
        Write the distribution of the latency to this file as HdrHistogram's tools do (.hgrm).
    slo
        What must hold: a file (slo.toml), or a line such as p99<200ms,ok>99%; "defaults" are the usual targets.
    baseline
        The saved JSON of an earlier load: this one must not be worse.
    json_
        Print one JSON object instead of the table.
    lifeline
        End when standard input does: for programs that run this one.
    """
    if lifeline:
        tie_life(0)
    plan = (asked or Asked()).plan([url, *others])
    wanted = gate(slo, baseline, junit)
    saved = None
    if wanted is not None:
        plan = judgeable(plan)
        saved = baseline_of(wanted, plan)
    files = Written(csv=csv, hdr=hdr)
    speed = machine_speed()
    async with watched(wanted, plan) as inside:
        run, stopped_by = await _run(plan, quiet=json_ or not sys.stderr.isatty())
    if not json_ and run.reached:  # else one line says it all
        from .load_view import show

        show(run.result)
    figures = figures_of(run, inside)
    verdict = None
    if wanted is not None:
        objectives = asked_of(wanted, saved, figures, seconds=run.result.duration, speed=speed)
        verdict = wanted.judge(objectives, quiet=json_)
    if json_:
        print(in_json(run, figures, speed, verdict))
    files.write(run)
    if wanted is not None and verdict is not None:
        wanted.write(verdict, suite=f"load of {plan.url}", seconds=run.result.duration)
    return _code(run, verdict, stopped_by)


def _code(run: LoadRun, verdict: SloResult | None, stopped_by: int | None) -> int:
    """The exit code. Warnings, and why nothing succeeded, go to standard error."""
    for warning in run.result.warnings:
        print(f"trio-lab: warning: {warning}", file=sys.stderr)
    if found := problem(run):
        print(f"trio-lab: {found}", file=sys.stderr)
    if stopped_by is not None:
        return 128 + stopped_by
    if found:
        return 1
    return 0 if verdict is None else CODES[verdict.met]


async def _run(plan: LoadPlan, *, quiet: bool) -> tuple[LoadRun, int | None]:
    """The run, and the signal that ended it early, if one did. A second one ends it without a result."""
    stop = trio.Event()
    came: list[int] = []
    with nullcontext() if quiet else _bar(plan) as bar:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_signal, stop, came)
            run = await run_load(plan, on_progress=Watch(bar), stop=stop)
            nursery.cancel_scope.cancel()
    return run, came[0] if came else None


def _bar(plan: LoadPlan) -> AbstractContextManager[Callable[[Progress], None]]:
    from .load_view import progress  # what draws it takes a while to load, and programs that run this one never see it

    return progress(plan)


async def _stop_on_signal(stop: trio.Event, came: list[int]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            if came:
                raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
            came.append(number)
            stop.set()
