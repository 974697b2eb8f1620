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

from ..config import Config
from ..errors import UsageError
from .app import LabApp, create_app

_log = logging.getLogger(__name__)

_BACKLOG = 1024  # hypercorn's 100 overflows in a burst of connects, and the kernel then drops them silently
_KEEP_ALIVE_REQUESTS = 10**9  # hypercorn's 1000 makes every thousandth latency of a load test include a connect
_LINGER = 0.5  # seconds after the grace period before connections are shut down
_MAX_HEAD = 262_144  # bytes h11 may buffer of a head: we answer what is too large ourselves, in JSON


async def serve(config: Config, *, on_ready: Callable[[str, LabApp], None], control: bool = False) -> None:
    """Serve until SIGINT or SIGTERM; a second one ends the grace period.

    ``on_ready`` is called with the address once connections are accepted. With ``control`` the server also reads
    standard input: ``threads N`` resizes the native pool, and its end is the end of the server.

    Raises:
        UsageError: the address cannot be bound.
    """
    listener = _bind(config)
    port = listener.getsockname()[1]
    app = create_app(config, listener=listener)
    stop, hurry = trio.Event(), trio.Event()
    with listener:
        async with trio.open_nursery() as watchers:
            async with trio.open_nursery() as server:
                await watchers.start(_watch_signals, stop, hurry)
                watchers.start_soon(_end_grace, stop, hurry, server.cancel_scope, listener, config.grace)
                await server.start(
                    partial(hypercorn.trio.serve, app, _settings(config, listener), shutdown_trigger=stop.wait)
                )
                if control:
                    watchers.start_soon(_obey, app, stop)
                on_ready(f"http://{_bracketed(config.host)}:{port}", app)
            watchers.cancel_scope.cancel()


async def _watch_signals(
    stop: trio.Event, hurry: trio.Event, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            if stop.is_set():
                hurry.set()
            stop.set()


async def _end_grace(
    stop: trio.Event, hurry: trio.Event, server: trio.CancelScope, listener: socket.socket, grace: float
) -> None:
    """From the stop on nobody new is let in; when the grace is over, nobody is left in."""
    await stop.wait()
    port = listener.getsockname()[1]
    listener.close()
    with trio.move_on_after(grace + _LINGER):
        await hurry.wait()
        server.cancel()
    while True:  # until the server has ended, and this task is cancelled with it
        _shut_down_connections(port)
        await trio.sleep(0.1)


def _shut_down_connections(port: int) -> None:
    """Shut down, in the kernel, every connected socket of this process whose local port is the server's."""
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            with socket.socket(fileno=os.dup(descriptor)) as twin:
                if twin.getsockname()[1] == port:
                    twin.shutdown(socket.SHUT_RDWR)
        except (OSError, IndexError, TypeError):
            continue  # not a socket, not ours, not connected, or already gone


async def _obey(app: LabApp, stop: trio.Event) -> None:
    """Standard input as a remote control, for a program that runs this server as its child."""
    unread = b""
    async with trio.lowlevel.FdStream(os.dup(0)) as commands:
        async for data in commands:
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                match line.split():
                    case [b"threads", number] if number.isdigit() and 1 <= int(number) <= 1024:
                        app.lab.native_pool.resize(int(number))
                    case _:
                        _log.warning("not understood on standard input: %r", line[:80])
    stop.set()


def _bind(config: Config) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
    except OSError as error:
        raise UsageError(f"cannot listen on {config.host}: {error.strerror or error}") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot listen on {config.host}:{config.port}: {error.strerror}") from None
    return listener


def _settings(config: Config, listener: socket.socket) -> hypercorn.config.Config:
    settings = hypercorn.config.Config()
    settings.bind = [f"fd://{os.dup(listener.fileno())}"]  # hypercorn owns, and closes, its own descriptor
    settings.backlog = _BACKLOG
    settings.graceful_timeout = config.grace
    settings.keep_alive_max_requests = _KEEP_ALIVE_REQUESTS
    settings.h11_max_incomplete_size = _MAX_HEAD
    settings.loglevel = "WARNING"
    return settings


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
