"""`trio-lab serve`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ..config import Config
from ..errors import UsageError
from ..http.runtimes import RUNTIMES
from ..measure.descriptors import MANY, room_for
from .other_runtimes import become

if TYPE_CHECKING:
    from ..servers.trio.app import LabApp


async def serve(
    *,
    runtime: str = "trio",
    host: str | None = None,
    port: int | None = None,
    threads: int | None = None,
    workers: int | None = None,
    profile: str | None = None,
    max_queue: int | None = None,
    queue_timeout: float | None = None,
    run_timeout: float | None = None,
    grace: float | None = None,
    keep_alive: float | None = None,
    stall_budget: float | None = None,
    separate_pools: Annotated[bool, Parameter(negative="")] = False,
    autoscale: Annotated[bool, Parameter(negative="")] = False,
    default_threads: int | None = None,
    control: Annotated[bool, Parameter(negative="")] = False,
    faults: Annotated[bool, Parameter(negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Serve the lab's routes until Ctrl-C or SIGTERM. A second signal ends the grace period.

    Every option but --control and --json can also be given as an environment variable: TRIO_LAB_THREADS=16 is
    --threads 16. The naive profile knows no --max-queue, --queue-timeout and --run-timeout.

    Parameters
    ----------
    runtime
        trio, asyncio or node: what the server is written for. The same routes and replies on each; the other two know no
        --separate-pools, --autoscale, --default-threads, --stall-budget and --faults.
    host
        Address to listen on; 127.0.0.1 by default, and best left so.
    port
        Port to listen on, 3000 by default; 0 takes a free one.
    threads
        Threads of the shared native pool, 1 to 1024; 4 by default, as libuv.
    workers
        Worker processes; by default one fewer than the cores, at most four.
    profile
        guarded (bounded queues and timeouts) or naive (neither: the control of the experiments).
    max_queue
        Callers that may wait for each pool; 200 by default.
    queue_timeout
        Seconds a caller may wait for a pool before it is refused; 2 by default.
    run_timeout
        Seconds a job may run in a worker before the worker is killed; 30 by default.
    grace
        Seconds that requests in flight get after the signal; 3 by default.
    keep_alive
        Seconds that a connection may stay open without a request; 5 by default.
    stall_budget
        Seconds that a pass of the run loop may take before it is told as a stall; 0.05 by default.
    separate_pools
        Give reports (/fib) a worker pool of their own, so that hashes never wait behind them; each of the two pools has
        as many processes as --workers says.
    autoscale
        Begin with one worker in each pool, and add one while over 100 jobs wait, the loop is on time and a CPU is free.
    default_threads
        Size of Trio's own thread limiter, which file I/O and name look-ups share; 40 by default, as Trio has it.
    control
        Take commands on standard input (`threads N`), and end when it closes.
    faults
        Add routes under /fault that crash, hang and starve this server, for drills. Loopback only.
    json_
        Print the ready line as JSON.
    """
    if runtime not in RUNTIMES:
        raise UsageError(f"runtime must be one of {', '.join(RUNTIMES)}, not {runtime[:40]!r}")
    config = Config.from_env(
        os.environ,
        host=host,
        port=port,
        threads=threads,
        workers=workers,
        profile=profile,
        max_queue=max_queue,
        queue_timeout=queue_timeout,
        run_timeout=run_timeout,
        grace=grace,
        keep_alive=keep_alive,
        stall_budget=stall_budget,
        separate_pools=separate_pools or None,
        autoscale=autoscale or None,
        default_threads=default_threads,
        faults=faults or None,
    )
    room_for(MANY)
    if runtime != "trio":
        become(runtime, config, as_json=json_, control=control)
    await _serve_here(config, as_json=json_, control=control)


async def _serve_here(config: Config, *, as_json: bool, control: bool) -> None:
    from ..servers.trio.serving import serve as serve_lab

    def on_ready(url: str, _: LabApp) -> None:
        if as_json:
            print(json.dumps({"url": url, "threads": config.threads, "workers": config.workers}), flush=True)
        else:
            print(_welcome(url, config), flush=True)

    await serve_lab(config, on_ready=on_ready, control=control, add_routes=_fault_routes if config.faults else None)


def _fault_routes(app: LabApp) -> None:
    from ..drills.faults import add_fault_routes

    add_fault_routes(app)


def _workers(config: Config) -> str:
    processes = f"{config.workers} process{'es' * (config.workers > 1)}"
    if config.autoscale and config.workers > 1:
        processes = f"1 to {processes}"
    return (
        f"Worker pools: hash and reports, {processes} each"
        if config.separate_pools
        else f"Worker pool size: {processes}"
    )


def _welcome(url: str, config: Config) -> str:
    return f"""\
Server running on {url}
Native pool size: {config.threads} threads. {_workers(config)}.
Profile: {config.profile}.
Load it from another terminal:
  trio-lab load {url}/hash -c 20 -d 15
and look at it meanwhile:
  curl {url}/health"""
