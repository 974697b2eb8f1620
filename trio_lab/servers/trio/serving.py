"""Serving a lab with hypercorn from our own program: signals, the grace period, and an end that always comes.

`hypercorn.trio.serve` handles no signals, and shields every send without a bound: one client that does not read holds
the shutdown open for ever. So when the grace period is over, the connections that are still there are shut down in the
kernel, and every send that hangs on one of them ends with an error.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable
from functools import partial

import hypercorn.config
import hypercorn.trio
import trio

from ...config import Config
from ...errors import LabLost
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
from .app import LabApp, create_app

_log = logging.getLogger(__name__)


async def serve(
    config: Config,
    *,
    on_ready: Callable[[str, LabApp], None],
    control: bool = False,
    add_routes: Callable[[LabApp], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; a second one ends the grace period.

    ``on_ready`` is called with the address once connections are accepted. With ``control`` the server also reads
    standard input: ``threads N`` resizes the native pool, and its end is the end of the server. ``add_routes``
    may add to the app before it is served.

    Raises:
        UsageError: the address cannot be bound, or standard input cannot be read from.
        LabLost: the lab ended by a fault, at its start or later.
    """
    if control:
        check_control()
    listener = listen(config)
    url = url_of(config, listener)
    app = create_app(config, listener=listener)
    if add_routes is not None:
        add_routes(app)
    stop, hurry = trio.Event(), trio.Event()
    try:
        with listener:
            async with trio.open_nursery() as watchers:
                async with trio.open_nursery() as server:
                    await watchers.start(_watch_signals, stop, hurry)
                    watchers.start_soon(_end_with_the_lab, app, stop, hurry)
                    watchers.start_soon(_end_grace, stop, hurry, server.cancel_scope, listener, app, config.grace)
                    await server.start(
                        partial(hypercorn.trio.serve, app, _settings(config, listener), shutdown_trigger=stop.wait)
                    )
                    if control:
                        watchers.start_soon(_obey, app, stop)
                    on_ready(url, app)
                watchers.cancel_scope.cancel()
    except BaseExceptionGroup:
        if app.fault is None:
            raise
    if app.fault is not None:
        raise LabLost(app.fault)


async def _watch_signals(
    stop: trio.Event, hurry: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if stop.is_set():
                hurry.set()
            stop.set()


async def _end_with_the_lab(app: LabApp, stop: trio.Event, hurry: trio.Event) -> None:
    """Nobody is served by a lab that broke down, so nobody is waited for."""
    await app.lost.wait()
    stop.set()
    hurry.set()


async def _end_grace(
    stop: trio.Event, hurry: trio.Event, server: trio.CancelScope, listener: socket.socket, app: LabApp, grace: float
) -> None:
    """From the stop on nobody new is let in; when the grace is over, nobody is left in."""
    await stop.wait()
    port = listener.getsockname()[1]
    listener.close()
    with trio.move_on_after(grace + LINGER):
        await hurry.wait()
        server.cancel()
    while True:  # until the server has ended, and this task is cancelled with it
        for shield in app.shields:
            shield.cancel()
        shut_down_connections(port)
        await trio.sleep(0.1)


async def _obey(app: LabApp, stop: trio.Event) -> None:
    """Standard input as a remote control, for a program that runs this server as its child."""
    commands = Commands()
    async with trio.lowlevel.FdStream(os.dup(0)) as said:
        async for data in said:
            for command in commands.feed(data):
                if isinstance(command, int):
                    app.lab.native_pool.resize(command)
                else:
                    _log.warning("not understood on standard input: %r", command[:80])
    stop.set()


def _settings(config: Config, listener: socket.socket) -> hypercorn.config.Config:
    settings = hypercorn.config.Config()
    settings.bind = [f"fd://{os.dup(listener.fileno())}"]  # hypercorn owns, and closes, its own descriptor
    settings.backlog = BACKLOG
    settings.graceful_timeout = config.grace
    settings.keep_alive_timeout = config.keep_alive
    settings.keep_alive_max_requests = KEEP_ALIVE_REQUESTS
    settings.h11_max_incomplete_size = HEAD_BUFFER
    settings.loglevel = "WARNING"
    return settings
