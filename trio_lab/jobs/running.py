"""One try of one job: run its function where it belongs, and say how the try ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import trio

from ..errors import QueueFull, QueueTimeout, RestartLimitReached, Shed, in_a_line
from ..pools.native import NativePool
from ..pools.workers import WorkerPool
from .contract import Claimed
from .functions import JobFailed, JobFunction, JobFunctions
from .jsons import write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    result: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """``finally_`` when no other try can help."""

    error: str
    finally_: bool = False


Ended = Succeeded | Failed


def call_by_name(fn: Callable[..., Any], args: Mapping[str, Any]) -> Any:
    """In a worker process, which calls functions by position only."""
    return fn(**args)


class NoProcesses(Exception):
    """A job is to run in a worker process, and there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where jobs run. There are as many threads as their owner claims jobs, so that none waits there: only behind threads whose
    jobs were interrupted, for these go on to their end. Worker processes may be fewer, or others may use them too."""

    threads: NativePool
    processes: WorkerPool | None

    async def run(self, function: JobFunction, args: Mapping[str, Any]) -> Any:
        """What the function returns. Raises what it raises, `NoProcesses` where there are no worker processes, and what the
        pools raise."""
        if function.where == "loop":
            with trio.fail_after(float("inf") if function.run_timeout is None else function.run_timeout):
                return await function.fn(**args)
        if function.where == "thread":
            return await self.threads.run(call_by_name, function.fn, args, kind=function.name, abandon_on_cancel=True)
        if self.processes is None:
            raise NoProcesses("this worker has no worker processes")
        return await self._run_in(self.processes, function, args)

    async def _run_in(self, pool: WorkerPool, function: JobFunction, args: Mapping[str, Any]) -> Any:
        """A pool that others use as well may have no room for the job, or cannot keep a worker alive. That is no failure of the
        job, which has not begun: it is asked for again, and the lease is kept meanwhile."""
        timeout = function.run_timeout
        while True:
            try:
                return await pool.run(call_by_name, function.fn, args, kind=function.name, run_timeout=timeout)
            except (QueueFull, QueueTimeout, Shed, RestartLimitReached) as refusal:
                if refusal.queue != pool.name:  # the job itself was refused by another queue
                    raise
                await trio.sleep(refusal.retry_after)


async def run_once(job: Claimed, functions: JobFunctions, places: Places) -> Ended:
    """Run a try to its end. Of what the job raises only its cancellation is raised here.

    A job that this program does not know may be known to another version of it, and one that needs a worker process may come to
    a worker that has some: so they are tried again as those that failed.
    """
    if job.name not in functions:
        return Failed(error=f"no function is registered as {job.name!r}")
    if not isinstance(job.args, dict):
        return Failed(error="its arguments are no JSON object, or nested too deeply", finally_=True)
    function = functions[job.name]
    try:
        function.check(job.args)
    except TypeError as error:
        return Failed(error=f"{job.name}: {error}", finally_=True)
    try:
        result = await places.run(function, job.args)
    except (Exception, SystemExit) as error:
        return _failed(error)
    except BaseExceptionGroup as group:
        _, rest = group.split((Exception, SystemExit))
        if rest is not None:  # it was cancelled, and what its tasks raised at that does not matter; or the program ends
            raise rest from None
        return _failed(group)
    return _jsonable(result)


def _failed(error: BaseException) -> Failed:
    """Of all that the tasks of a job have raised, `JobFailed` counts."""
    final: BaseException | None = error if isinstance(error, JobFailed) else None
    if isinstance(error, BaseExceptionGroup):
        final = error.subgroup(JobFailed)
    return Failed(error=in_a_line(error if final is None else final), finally_=final is not None)


def _jsonable(result: Any) -> Ended:
    try:
        write_json(result)
    except (TypeError, ValueError, RecursionError) as error:
        return Failed(error=f"its result cannot be written as JSON: {error}", finally_=True)
    return Succeeded(result=result)
