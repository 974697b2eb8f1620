"""`trio-lab load`."""

from __future__ import annotations

import mimetypes
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter, Token

from ..errors import UsageError
from ..load import notation
from ..load.generator import run_load
from ..load.plan import LoadPlan
from ..load.results import LoadRun, Progress
from ..stage.quiet import machine_speed
from ..worker.lifeline import tie_life
from .ending import Terminated
from .gate import CODES, gate
from .load_gate import asked_of, baseline_of, figures_of, in_json, judgeable, watched
from .load_verdict import Watch, problem
from .written import Written


def _seconds(_: object, tokens: Sequence[Token]) -> float:
    return notation.seconds(tokens[0].value)


_Seconds = Parameter(converter=_seconds)


async def load(
    url: str,
    /,
    *others: str,
    connections: Annotated[int, Parameter(alias="-c")] = 10,
    duration: Annotated[float | None, _Seconds, Parameter(alias=("-d", "-z"))] = None,
    requests: Annotated[int | None, Parameter(alias="-n")] = None,
    rate: Annotated[float | None, Parameter(alias="-R")] = None,
    stages: str = "",
    think: Annotated[float, _Seconds] = 0.0,
    timeout: Annotated[float, _Seconds] = 10.0,
    leave_after: Annotated[float | None, _Seconds] = None,
    interval: Annotated[float, _Seconds] = 1.0,
    method: Annotated[str, Parameter(alias="-m")] = "",
    header: Annotated[tuple[str, ...], Parameter(alias="-H", negative=())] = (),
    body: Annotated[Path | None, Parameter(alias=("--body-file", "-D"))] = None,
    body_text: Annotated[str | None, Parameter(alias="-b")] = None,
    insecure: Annotated[bool, Parameter(alias="-k")] = False,
    unix_socket: Annotated[str, Parameter(alias="-S")] = "",
    samples: bool = False,
    csv: Path | None = None,
    hdr: Path | None = None,
    slo: str | None = None,
    baseline: Path | None = None,
    junit: Path | None = None,
    i_own_this: bool = False,
    json_: Annotated[bool, Parameter(name="--json", alias="-j")] = False,
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
    connections
        Connections, and so requests in flight, at most.
    duration
        How long requests are sent (10s if nothing else says it); what is then due or in flight is waited for.
    requests
        Send this many in all, or as many as the duration allows if one is given.
    rate
        Requests per second: makes the workload open.
    stages
        10s@50,30s@200: an open workload in steps, each a duration and the requests per second.
    think
        Time between a reply and the next request of that connection (closed workload).
    timeout
        Time from the intended start after which a request has failed.
    leave_after
        Patience of a client: it leaves without a word, and comes again.
    interval
        Time that one row of the series covers.
    method
        GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS; GET when there is no body, else POST.
    header
        'Name: value', sent with every request; once for each header. Replaces the one that would be sent.
    body
        File with the body of every request, at most 100 MB.
    body_text
        The body of every request itself.
    insecure
        Trust any certificate (https).
    unix_socket
        Connect to the Unix socket at this path; the URL then gives the Host header and the path.
    samples
        Keep every single latency, in the JSON and the CSV.
    csv
        Write the series to this file as CSV, or with --samples every latency.
    hdr
        Write the distribution of the latency to this file as HdrHistogram's tools do (.hgrm).
    slo
        What must hold: a file (slo.toml), or a line such as p99<200ms,ok>99%; "defaults" are the usual targets.
    baseline
        The saved JSON of an earlier load: this one must not be worse.
    junit
        File for the verdict as JUnit XML.
    i_own_this
        The target is yours although it is not on this machine.
    json_
        Print one JSON object instead of the table.
    lifeline
        End when standard input does: for programs that run this one.
    """
    if lifeline:
        tie_life(0)
    (first, weight), *more = notation.weighted([url, *others])
    content, content_type = _body(body, body_text)
    asked = gate(slo, baseline, junit)
    plan = LoadPlan(
        url=first,
        weight=weight,
        others=more,
        connections=connections,
        duration=duration,
        requests=requests,
        rate=rate,
        stages=notation.stages(stages) if stages else (),
        think=think,
        timeout=timeout,
        leave_after=leave_after,
        interval=interval,
        method=method.upper(),
        headers=[notation.header(text) for text in header],
        body=content,
        content_type=content_type,
        insecure=insecure,
        unix_socket=unix_socket,
        own_this=i_own_this,
        keep_samples=samples,
    )
    if asked is not None:
        plan = judgeable(plan)
        saved = baseline_of(asked, plan)
    files = Written(csv=csv, hdr=hdr)
    speed = machine_speed()
    async with watched(asked, plan) as inside:
        run, stopped_by = await _run(plan, quiet=json_ or not sys.stderr.isatty())
    files.write(run)
    if not json_ and run.reached:  # else one line says it all
        from .load_view import show

        show(run.result)
    figures = figures_of(run, inside)
    verdict = None
    if asked is not None:
        objectives = asked_of(asked, saved, figures, seconds=run.result.duration, speed=speed)
        verdict = asked.end(objectives, suite=f"load of {first}", seconds=run.result.duration, quiet=json_)
    if json_:
        print(in_json(run, figures, speed, verdict))
    for warning in run.result.warnings:
        print(f"trio-lab: warning: {warning}", file=sys.stderr)
    if found := problem(run):
        print(f"trio-lab: {found}", file=sys.stderr)
    if stopped_by is not None:
        return 128 + stopped_by
    if found:
        return 1
    return 0 if verdict is None else CODES[verdict.met]


def _body(file: Path | None, text: str | None) -> tuple[bytes, str]:
    """The body, and what it is; of a file its name says that."""
    if file is not None and text is not None:
        raise UsageError("--body and --body-text exclude each other")
    if text is not None:
        return text.encode(), "text/plain; charset=utf-8"
    if file is None:
        return b"", ""
    try:
        return file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    except OSError as error:
        raise UsageError(f"body {str(file)!r} cannot be read: {error.strerror or error}") from None


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
