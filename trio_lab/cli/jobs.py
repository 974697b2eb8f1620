"""`trio-lab jobs`: work at background jobs, and look after them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import trio
from cyclopts import App, Parameter
from rich.table import Table
from rich.text import Text

from ..errors import Overloaded, UsageError
from ..jobs.contract import Engine
from ..jobs.examples import lab_functions
from ..jobs.functions import JobFunctions
from ..jobs.opening import open_jobs, shown
from ..jobs.work import JobWorker, open_job_worker
from ..records.job import JOB_STATES, JobRecord, JobState
from .console import output
from .ending import ended_by_signal
from .flags import Json

app = App(name="jobs", help="Background jobs: work at them, list, show, retry and cancel them.")

_LONGEST_LIST = 1_000_000

Where = Annotated[
    str,
    Parameter(
        name="--jobs",
        env_var="TRIO_LAB_JOBS",
        help="Where the jobs are: sqlite:///path (four slashes for an absolute path) or redis://host:port/database.",
    ),
]
Id = Annotated[str, Parameter(help="As it was given when the job was submitted.")]


@app.command
async def work(
    *,
    jobs: Where,
    functions: str = "",
    concurrency: int = 16,
    processes: int = 1,
    lease: float = 30.0,
    grace: float = 10.0,
) -> None:
    """Work at jobs until Ctrl-C or SIGTERM; jobs that have not ended after the grace are given back.

    Any number of these may run beside any number of servers. What a killed one was working at is done by another when the
    lease has run out.

    Parameters
    ----------
    functions
        MODULE:NAME of the functions that jobs may name; by default those of the lab (hash, wait, fail).
    concurrency
        Jobs at once.
    processes
        Worker processes for the functions that compute.
    lease
        Seconds after which a job is given to another worker, once nothing is heard of this one.
    grace
        Seconds that running jobs get to end after the signal.
    """
    known = _functions(functions) if functions else lab_functions()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_jobs(jobs))
        opening = open_job_worker(engine, known, concurrency=concurrency, processes=processes, lease=lease, grace=grace)
        try:
            worker = await stack.enter_async_context(opening)
        except ValueError as error:
            raise UsageError(str(error)) from None
        print(f"Working at {shown(jobs)}: {', '.join(known)}. {concurrency} jobs at once.", flush=True)
        await _until_told(worker)
    print(f"{worker.succeeded} jobs have succeeded, {worker.failed} tries have failed.", file=sys.stderr)


@app.command(name="list")
async def list_(*, jobs: Where, state: str = "", name: str = "", limit: int = 20, json_: Json = False) -> None:
    """The newest jobs, newest first.

    Parameters
    ----------
    state
        Only those that are queued, running, succeeded, failed, dead or cancelled.
    name
        Only those of this function.
    limit
        How many at most.
    """
    if not 1 <= limit <= _LONGEST_LIST:
        raise UsageError(f"limit must be from 1 to {_LONGEST_LIST}, not {limit}")
    wanted = _state(state)
    async with _opened(jobs) as engine:
        found = await engine.jobs(state=wanted, name=name or None, limit=limit)
    if json_:
        print(msgspec.json.encode([one.shown() for one in found]).decode())
    else:
        output().print(_table(found))


@app.command
async def show(id: Id, /, *, jobs: Where, json_: Json = False) -> None:
    """One job: its state, tries, result or error."""
    async with _opened(jobs) as engine:
        _print(id, await engine.get(id), as_json=json_)


@app.command
async def retry(id: Id, /, *, jobs: Where, json_: Json = False) -> None:
    """Queue a job again that has failed, is dead or was cancelled. Its tries are counted anew."""
    async with _opened(jobs) as engine:
        _print(id, await engine.retry(id), as_json=json_)


@app.command
async def cancel(id: Id, /, *, jobs: Where, json_: Json = False) -> None:
    """End a job: at once if it waits, and within a third of its lease if it runs."""
    async with _opened(jobs) as engine:
        _print(id, await engine.cancel(id), as_json=json_)


@asynccontextmanager
async def _opened(jobs: str) -> AsyncIterator[Engine]:
    """The jobs to look after. An engine that is lost meanwhile is one line as well."""
    try:
        async with open_jobs(jobs, must_exist=True) as engine:
            yield engine
    except Overloaded as error:
        raise UsageError(str(error)) from None


def _functions(where: str) -> JobFunctions:
    module, _, name = where.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name or "functions")
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"functions {where!r} cannot be found: {error}") from None
    if not isinstance(found, JobFunctions):
        raise UsageError(f"functions {where!r} must be a trio_lab.jobs.functions.JobFunctions")
    return found


def _state(state: str) -> JobState | None:
    if not state:
        return None
    if state not in JOB_STATES:
        raise UsageError(f"state must be one of {', '.join(JOB_STATES)}, not {state[:40]!r}")
    return state


async def _until_told(worker: JobWorker) -> None:
    """Until a signal; a second one is Python's."""
    try:
        async with ended_by_signal():
            await trio.sleep_forever()
    except* KeyboardInterrupt:
        worker.stop()


def _print(id: str, found: JobRecord | None, *, as_json: bool) -> None:
    if found is None:
        raise UsageError(f"there is no job {id[:40]!r}")
    if as_json:
        print(msgspec.json.encode(found.shown()).decode())
        return
    for key, value in found.shown().items():
        print(f"{key:10} {_text(value)}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _table(found: list[JobRecord]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("id", "job", "state", "tries", "age", "result or error"):
        table.add_column(column)
    for one in found:
        last = _text(one.result) if one.state == "succeeded" else one.error or ""
        tries = f"{one.tries} of {one.max_tries}"
        table.add_row(one.id, Text(one.job), one.state, tries, f"{one.age:.0f} s", Text(last[:80]))
    return table
