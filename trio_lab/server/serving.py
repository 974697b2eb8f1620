"""Serving a lab with hypercorn from our own program: signals, the grace period, and an end that always comes.

`hypercorn.trio.serve` handles no signals, and shields every send without a bound: one client that does not read holds
the shutdown open for ever. So when the grace period is over, the connections that are still there are shut down in the
kernel, and every send that hangs on one of them ends with an error.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import stat
import sys
from collections.abc import Callable
from functools import partial

import hypercorn.config
import hypercorn.trio
import trio

from ..config import Config
from ..errors import LabLost, UsageError
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
        UsageError: the address cannot be bound, or standard input cannot be read from.
        LabLost: the lab ended by a fault, at its start or later.
    """
    if control:
        _check_control()
    listener = _bind(config)
    port = listener.getsockname()[1]
    app = create_app(config, listener=listener)
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
                    on_ready(f"http://{_bracketed(config.host)}:{port}", app)
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
    with trio.move_on_after(grace + _LINGER):
        await hurry.wait()
        server.cancel()
    while True:  # until the server has ended, and this task is cancelled with it
        for shield in app.shields:
            shield.cancel()
        _shut_down_connections(port)
        await trio.sleep(0.1)


def _shut_down_connections(port: int) -> None:
    """Shut down, in the kernel, every connected socket of this process whose local port is the server's."""
    try:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return  # there is no descriptor left to look with; the caller comes again
    for descriptor in descriptors:
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            borrowed = socket.socket(fileno=descriptor)  # no descriptor of our own: nothing to close, whatever happens
        except OSError:
            continue  # gone meanwhile
        try:
            if borrowed.family in (socket.AF_INET, socket.AF_INET6) and borrowed.getsockname()[1] == port:
                borrowed.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # not connected, or gone
        finally:
            borrowed.detach()


def _check_control() -> None:
    """Standard input must be something that can be waited for: a pipe, a socket or a terminal."""
    # A program that was started without one has None here, and its descriptor 0 is by now something else.
    if sys.stdin is None:
        raise UsageError("--control reads standard input, and it is closed")
    try:
        with select.epoll() as epoll:
            epoll.register(0, select.EPOLLIN)
    except OSError:
        raise UsageError("--control needs a pipe on standard input, not a file") from None


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
    except UnicodeError:
        raise UsageError(f"cannot listen on {config.host[:80]!r}: not a valid host name") from None
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
