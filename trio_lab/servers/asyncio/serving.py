"""The asyncio server as a program: ``python -m trio_lab.servers.asyncio.serving [--json] [--control]``.

Everything else is told by TRIO_LAB_* variables; `trio-lab serve --runtime asyncio` sets them and becomes this program.
It ends as the Trio server does: SIGINT or SIGTERM closes the door, requests in flight have the grace period, a second
signal ends it; then every connection that is left is shut down in the kernel. hypercorn's own grace period is no help
for that: from Python 3.12 on, asyncio waits for all connections before hypercorn begins to count.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from typing import NoReturn

import hypercorn.asyncio
import hypercorn.config
from hypercorn.utils import LifespanFailureError

from ...config import Config
from ...errors import LabLost, UsageError
from ...http.listening import (
    BACKLOG,
    HEAD_BUFFER,
    KEEP_ALIVE_REQUESTS,
    LINGER,
    Commands,
    check_control,
    listen,
    shut_down_connections,
    url_of,
)
from ...options import from_env
from .app import AsyncioApp, create_app

_log = logging.getLogger(__name__)

_FLAGS = {"--json", "--control"}


class _End:
    """How far the server is on its way out."""

    def __init__(self) -> None:
        self.stop, self.hurry = asyncio.Event(), asyncio.Event()

    def on_signal(self) -> None:
        if self.stop.is_set():
            self.hurry.set()
        self.stop.set()


async def serve(config: Config, *, as_json: bool, control: bool) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        UsageError: the address cannot be bound, or standard input cannot be read from.
        LabLost: the lab ended by a fault, at its start or later.
    """
    if control:
        check_control()
    listener = listen(config)
    url = url_of(config, listener)
    app, end = create_app(config, listener=listener), _End()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.on_signal)
    watchers = [
        asyncio.create_task(_end_with_the_lab(app, end)),
        asyncio.create_task(_end_grace(end, listener, config.grace)),
        asyncio.create_task(_tell(app, config, url, as_json=as_json)),
    ]
    if control:
        watchers.append(asyncio.create_task(_obey(app, end)))
    try:
        await hypercorn.asyncio.serve(app, _settings(config, listener), shutdown_trigger=end.stop.wait)
    except (LifespanFailureError, ExceptionGroup):
        if app.fault is None:
            raise
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        listener.close()
    if app.fault is not None:
        raise LabLost(app.fault)


async def _tell(app: AsyncioApp, config: Config, url: str, *, as_json: bool) -> None:
    """One ready line, or a welcome. The socket listens already: whoever comes now is served in a moment."""
    await app.ready.wait()
    ready = {"url": url, "threads": config.threads, "workers": config.workers}
    sys.stdout.write((json.dumps(ready) if as_json else _welcome(url, config)) + "\n")
    sys.stdout.flush()


def _welcome(url: str, config: Config) -> str:
    processes = f"{config.workers} process{'es' * (config.workers > 1)}"
    return f"""\
Server running on {url}, on asyncio
Native pool size: {config.threads} threads. Worker pool size: {processes}.
Profile: {config.profile}."""


async def _end_with_the_lab(app: AsyncioApp, end: _End) -> None:
    """Nobody is served by a lab that broke down, so nobody is waited for."""
    await app.ended.wait()
    end.stop.set()
    end.hurry.set()


async def _end_grace(end: _End, listener: socket.socket, grace: float) -> None:
    """From the stop on nobody new is let in; when the grace is over, nobody is left in."""
    await end.stop.wait()
    port = listener.getsockname()[1]
    listener.close()
    try:
        async with asyncio.timeout(grace + LINGER):
            await end.hurry.wait()
    except TimeoutError:
        pass
    while True:  # until the server has ended, and this task is cancelled
        shut_down_connections(port)
        await asyncio.sleep(0.1)


async def _obey(app: AsyncioApp, end: _End) -> None:
    """Standard input as a remote control, for a program that runs this server as its child."""
    commands, reader = Commands(), asyncio.StreamReader()
    said = os.fdopen(os.dup(0), "rb")
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), said)
    while data := await reader.read(65_536):
        for command in commands.feed(data):
            if not isinstance(command, int):
                _log.warning("not understood on standard input: %r", command[:80])
            elif app.ready.is_set():
                app.lab.native_pool.resize(command)
    end.stop.set()


def _settings(config: Config, listener: socket.socket) -> hypercorn.config.Config:
    settings = hypercorn.config.Config()
    settings.bind = [f"fd://{os.dup(listener.fileno())}"]  # hypercorn owns, and closes, its own descriptor
    settings.backlog = BACKLOG
    settings.graceful_timeout = config.grace + 10.0  # never to be waited for: by then there is no connection left
    settings.keep_alive_timeout = config.keep_alive
    settings.keep_alive_max_requests = KEEP_ALIVE_REQUESTS
    settings.h11_max_incomplete_size = HEAD_BUFFER
    settings.loglevel = "WARNING"
    return settings


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"trio-lab: {text}\n")
    return code


def _run(arguments: list[str]) -> int:
    """The exit code."""
    if not _FLAGS.issuperset(arguments):
        return _fail(f"arguments may be {', '.join(sorted(_FLAGS))}; the rest are TRIO_LAB_ variables", 2)
    runner = asyncio.Runner()
    try:
        config = from_env()
        runner.run(serve(config, as_json="--json" in arguments, control="--control" in arguments))
    except UsageError as error:
        return _fail(str(error), 2)
    except LabLost as error:
        return _fail(str(error), 1)
    return 0


def main() -> NoReturn:
    """Ends the process without waiting for threads: closing asyncio's runner, and leaving Python, would both join every
    thread of every executor, and one may work for a minute for nobody."""
    code = _run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
