"""`trio-lab serve`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ..config import Config
from ..errors import UsageError
from ..http.lasting import keep_all
from ..http.listening import ready_line, url_of
from ..http.runtimes import RUNTIMES
from ..measure.descriptors import MANY, room_for
from ..options import ConfigOptions
from .console import say
from .flags import JsonFlag
from .other_runtimes import become

if TYPE_CHECKING:
    from ..servers.trio.asgi import TrioApp


async def serve(
    *,
    runtime: str = "trio",
    config: ConfigOptions = None,
    control: bool = False,
    json_: JsonFlag = False,
) -> None:
    """Serve the lab's routes until Ctrl-C or SIGTERM. A second signal ends the grace period.

    Every option can also be given as an environment variable (TRIO_LAB_THREADS=16 is --threads 16), except --runtime,
    --faults, --control and --json. The naive profile ignores --max-queue, --discipline, --queue-timeout and --run-timeout.

    Parameters
    ----------
    runtime
        trio, asyncio or node: what the server is written for. The same routes and replies on each; the other two do not have
        --processes, --separate-pools, --autoscale, --default-threads, --connections, --slow-connections, --database, --jobs
        and --max-jobs, and node does not have --stall-budget, --limit, --live and --faults either.
    control
        Take commands on standard input (`threads N`), and end when it closes.
    json_
        Print the ready line as JSON.
    """
    if runtime not in RUNTIMES:
        raise UsageError(f"runtime must be one of {', '.join(RUNTIMES)}, not {runtime[:40]!r}")
    config = config or Config()
    if config.live_port is not None and not config.live:
        raise UsageError("live_port is the port of the process that --live starts: give --live, too")
    room_for(MANY)
    if runtime != "trio":
        become(runtime, config, as_json=json_, control=control)
    serve_it = _serve_here if config.processes == 1 else _serve_many
    await serve_it(config, as_json=json_, control=control)


async def _serve_many(config: Config, *, as_json: bool, control: bool) -> None:
    from ..pools.program import boot, interpreter
    from ..servers.processes.shares import together
    from ..servers.processes.supervisor import supervise

    whole = together(config)

    def on_ready(url: str, live: str | None) -> None:
        print(ready_line(whole, url, live) if as_json else _welcome(whole, url, live), flush=True)

    def tell(text: str) -> None:
        with suppress(OSError):  # the terminal may be gone, and the service goes on
            say(text)

    def command(channel: int, lifeline: int) -> list[str]:
        return [*interpreter(), "-c", boot("trio_lab.cli.one_process"), str(channel), str(lifeline)]

    await supervise(config, command, on_ready=on_ready, say=tell, control=control)


async def _serve_here(config: Config, *, as_json: bool, control: bool) -> None:
    from ..servers.trio.serving import serve as serve_lab

    def on_ready(url: str, app: TrioApp) -> None:
        live = None if app.beside is None else url_of(config, app.beside)
        keep_all()
        print(ready_line(config, url, live) if as_json else _welcome(config, url, live), flush=True)

    await serve_lab(config, on_ready=on_ready, control=control, add_routes=fault_routes if config.faults else None)


def fault_routes(app: TrioApp) -> None:
    """Add the routes of `drills.faults_trio`."""
    from ..drills.faults_trio import add_fault_routes

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


def _processes(config: Config) -> str:
    return "" if config.processes == 1 else f"{config.processes} server processes; all pools together:\n"


def _welcome(config: Config, url: str, live: str | None) -> str:
    watch = f"  in a browser: {live}/" if live else f"  curl {url}/health"
    return f"""\
Server running on {url}
{_processes(config)}Native pool size: {config.threads} threads. {_workers(config)}.
Profile: {config.profile}.
Load it from another terminal:
  trio-lab load {url}/hash -c 20 -d 15
and look at it meanwhile:
{watch}"""
