"""The asyncio server as a program: ``python -m trio_lab.servers.asyncio.serving [--json] [--control]``.

Everything else is told by TRIO_LAB_* variables; `trio-lab serve --runtime asyncio` sets them and becomes this program.
It ends as the Trio server does: at SIGINT or SIGTERM it accepts no more connections, and requests in flight have the
grace period, which a second signal ends; then every connection that is left is shut down in the kernel.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NoReturn

from ...config import Config
from ...errors import LabLost, UsageError, in_a_line, lost_by
from ...http.connections import LINGER, LiveConnections, Settings
from ...http.control import Commands, check_control
from ...http.holding import Holding
from ...http.lasting import keep_all
from ...http.listening import listen, listen_beside, ready_line, url_of
from ...options import from_env
from ...records.queue import Queue
from .accepting import serve_app
from .app import create_app
from .asgi import AsyncioApp
from .control import obey

_FLAGS = {"--json", "--control"}


async def serve(
    config: Config,
    *,
    on_ready: Callable[[str, AsyncioApp], None],
    control: bool = False,
    add_routes: Callable[[AsyncioApp], None] | None = None,
    queues: Iterable[Queue] = (),
) -> None:
    """Serve until SIGINT or SIGTERM; a second one ends the grace period.

    ``on_ready`` is called with the address once connections are accepted. ``add_routes`` may add to the app before it is
    served; ``queues`` are registered in the lab.

    Raises:
        UsageError: the address cannot be bound, or standard input cannot be read from.
        LabLost: the lab ended by a fault, at its start or later.
    """
    if control:
        check_control()
    listener = listen(config)
    url = url_of(config, listener)
    app, live = create_app(config, listener=listener, queues=queues), LiveConnections()
    app.beside = listen_beside(config)
    if add_routes is not None:
        add_routes(app)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, app.end)
    watchers = [asyncio.create_task(_end_grace(app, live, config.grace))]

    def begin() -> None:
        if control:
            watchers.append(asyncio.create_task(_obey(app)))
        if app.fault is None:
            on_ready(url, app)

    try:
        settings = Settings(config)
        holding = Holding(app, settings) if config.guarded else None
        await serve_app(app, settings, listener, live=live, stop=app.stop, on_ready=begin, holding=holding)
    except ExceptionGroup:
        if app.fault is None:
            raise
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        listener.close()
    if app.fault is not None:
        raise lost_by(app.fault)


async def _end_grace(app: AsyncioApp, live: LiveConnections, grace: float) -> None:
    """When the grace period is over, close the connections that are left, whatever they wait for."""
    await app.stop.wait()
    try:
        async with asyncio.timeout(grace + LINGER):
            await app.hurry.wait()
    except TimeoutError:
        pass
    while True:  # until the server has ended, and this task is cancelled
        live.shut_down()
        await asyncio.sleep(0.1)


async def _obey(app: AsyncioApp) -> None:
    """Carry out the commands on standard input; its end stops the server."""
    await obey(Commands(app.lab.native_pool.resize))
    app.stop.set()


def _welcome(config: Config, url: str, live: str | None) -> str:
    processes = f"{config.workers} process{'es' * (config.workers > 1)}"
    return f"""\
Server running on {url}, on asyncio
Native pool size: {config.threads} threads. Worker pool size: {processes}.
Profile: {config.profile}.{f" Live: {live}/" if live else ""}"""


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"trio-lab: {text}\n")
    return code


def _run(arguments: list[str], fault_routes: Callable[[AsyncioApp], None] | None) -> int:
    """The exit code."""
    if not _FLAGS.issuperset(arguments):
        return _fail(f"arguments may be {', '.join(sorted(_FLAGS))}; the rest are TRIO_LAB_ variables", 2)
    tell = ready_line if "--json" in arguments else _welcome
    runner = asyncio.Runner()
    try:
        config = replace(from_env(), faults=fault_routes is not None)

        def on_ready(url: str, app: AsyncioApp) -> None:
            keep_all()
            _tell(tell(config, url, None if app.beside is None else url_of(config, app.beside)))

        runner.run(serve(config, on_ready=on_ready, control="--control" in arguments, add_routes=fault_routes))
    except UsageError as error:
        return _fail(str(error), 2)
    except LabLost as error:
        return _fail(str(error), 1)
    return 0


def _tell(text: str) -> None:
    """Print the address, or end: without it the server cannot be used."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            _fail(f"the output cannot be written: {in_a_line(error)}", 1)
        os._exit(1)


def main(*, fault_routes: Callable[[AsyncioApp], None] | None = None) -> NoReturn:
    """Serve, with ``fault_routes`` on loopback only, and end the process without waiting for threads.

    Closing asyncio's runner and leaving Python would both join every thread of every executor, and one may still work for
    a minute on a job whose caller has left.
    """
    code = _run(sys.argv[1:], fault_routes)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
