"""`trio-lab load`."""

from __future__ import annotations

import mimetypes
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter

from ..errors import UsageError
from ..load.generator import run_load
from ..load.plan import LoadPlan
from ..load.results import Progress
from ..records.codec import encode
from ..records.load import LoadResult
from ..worker.lifeline import tie_life
from .ending import Terminated


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
    method: str = "",
    body: Path | None = None,
    samples: bool = False,
    i_own_this: bool = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
    lifeline: Annotated[bool, Parameter(show=False)] = False,
) -> int:
    """Load a server and measure every reply. Stress only what you own.

    Without a rate the workload is closed: each connection asks again when it was answered. With one it is open:
    requests start when they are due, whatever comes back, and latency counts from the intended start.

    Ctrl-C and SIGTERM end the run early, with the figures there are (exit code 130 or 143). Exit code 1: no request was
    answered.

    Parameters
    ----------
    url
        What to ask for, http only.
    connections
        Connections, and so requests in flight, at most.
    duration
        Seconds to send for; what is then due or in flight is waited for.
    rate
        Requests per second: makes the workload open.
    timeout
        Seconds from the intended start after which a request has failed.
    leave_after
        Patience of a client in seconds: it leaves without a word, and comes again.
    interval
        Seconds to one row of the series.
    method
        GET, POST, PUT, PATCH or DELETE; GET when there is no body, else POST.
    body
        File with the body of every request, at most 100 MB.
    samples
        Keep every single latency in the JSON.
    i_own_this
        The target is yours although it is not on this machine.
    json_
        Print one JSON object instead of the table.
    lifeline
        End when standard input does: for programs that run this one.
    """
    if lifeline:
        tie_life(0)
    plan = LoadPlan(
        url=url,
        connections=connections,
        duration=duration,
        rate=rate,
        timeout=timeout,
        leave_after=leave_after,
        interval=interval,
        method=method.upper(),
        body=b"" if body is None else _read(body),
        content_type=_content_type(body),
        own_this=i_own_this,
        keep_samples=samples,
    )
    result, stopped_by = await _run(plan, quiet=json_ or not sys.stderr.isatty())
    if json_:
        print(encode(result).decode())
    else:
        from .load_view import show

        show(result)
    for warning in result.warnings:
        print(f"trio-lab: warning: {warning}", file=sys.stderr)
    if not result.requests.completed:
        print(f"trio-lab: {_nothing(result)}", file=sys.stderr)
    if stopped_by is not None:
        return 128 + stopped_by
    return 0 if result.requests.completed else 1


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"body {str(file)!r} cannot be read: {error.strerror or error}") from None


def _content_type(file: Path | None) -> str:
    """What the file's name says that it is."""
    guess, _ = mimetypes.guess_type(file.name) if file is not None else (None, None)
    return guess or "application/octet-stream"


def _nothing(result: LoadResult) -> str:
    """Why a run without a single reply had none."""
    counts = result.requests
    kinds = ", ".join(f"{kind}: {number:,}" for kind, number in result.error_kinds.items())
    errors = f"{counts.errors:,} errors" + (f" ({kinds})" if kinds else "")
    return f"no request was answered: {counts.sent:,} sent, {errors}, {counts.timed_out:,} timed out"


async def _run(plan: LoadPlan, *, quiet: bool) -> tuple[LoadResult, int | None]:
    """The result, and the signal that ended the run early, if one did. A second one ends it without a result."""
    stop = trio.Event()
    came: list[int] = []
    with nullcontext() if quiet else _bar(plan) as on_progress:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_signal, stop, came)
            run = await run_load(plan, on_progress=on_progress, stop=stop)
            nursery.cancel_scope.cancel()
    return run.result, came[0] if came else None


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
