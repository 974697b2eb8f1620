"""Serving a lab on Trio from our own program: signals, the grace period, and an end that always comes.

A send is shielded, so that a reply that was begun is finished, and a client that does not read would hold the shutdown
open for ever. So some time after the grace period the connections that are left are shut down in the kernel: every send
that hangs on one of them then ends with an error.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterable
from functools import partial

import trio

from ...config import Config
from ...errors import lost_by
from ...http.connections import LINGER, LiveConnections, Settings
from ...http.control import Commands, check_control
from ...http.holding import Holding
from ...http.listening import listen, listen_beside, url_of
from ...http.sharing import Shared
from ...records.queue import Queue
from .accepting import serve_app
from .app import create_app
from .asgi import TrioApp
from .control import obey


async def serve(
    config: Config,
    *,
    on_ready: Callable[[str, TrioApp], None],
    control: bool = False,
    add_routes: Callable[[TrioApp], None] | None = None,
    queues: Iterable[Queue] = (),
    listener: socket.socket | None = None,
    shared: Shared | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; a second one ends the grace period.

    ``on_ready`` is called with the address once connections are accepted. With ``control`` the server also reads
    standard input: ``threads N`` resizes the native pool, and its end is the end of the server. ``add_routes``
    may add to the app before it is served; ``queues`` are registered in the lab. A ``listener`` that is open is used
    instead of the config's address; ``shared``: other processes accept from it too.

    Raises:
        UsageError: the address cannot be bound, standard input cannot be read from, or a part of the lab cannot be opened.
        LabLost: the lab ended by a fault, at its start or later.
    """
    if control:
        check_control()
    listener = listener or listen(config)
    url = url_of(config, listener)
    app = create_app(config, listener=listener, queues=queues)
    app.beside = listen_beside(config)
    if add_routes is not None:
        add_routes(app)
    live = LiveConnections()
    try:
        with listener:
            async with trio.open_nursery() as watchers:
                async with trio.open_nursery() as server:
                    await watchers.start(_watch_signals, app)
                    watchers.start_soon(_end_grace, app, server.cancel_scope, live, config.grace)
                    settings = Settings(config)
                    holding = Holding(app, settings) if config.guarded else None
                    serve = partial(serve_app, app, settings, listener, live=live, stop=app.stop)
                    await server.start(partial(serve, holding=holding, shared=shared))
                    if control:
                        watchers.start_soon(_obey, app)
                    if app.fault is None:
                        on_ready(url, app)
                watchers.cancel_scope.cancel()
    except BaseExceptionGroup:
        if app.fault is None:
            raise
    if app.fault is not None:
        raise lost_by(app.fault)


async def _watch_signals(app: TrioApp, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            app.end()


async def _end_grace(app: TrioApp, server: trio.CancelScope, live: LiveConnections, grace: float) -> None:
    """When the grace period is over, close the connections that are left, whatever they wait for."""
    await app.stop.wait()
    with trio.move_on_after(grace + LINGER):
        await app.hurry.wait()
        server.cancel()
    while True:  # until the server has ended, and this task is cancelled with it
        app.shields.cancel()
        live.shut_down()
        await trio.sleep(0.1)


async def _obey(app: TrioApp) -> None:
    """Carry out the commands on standard input; its end stops the server."""
    await obey(Commands(app.lab.native_pool.resize))
    app.stop.set()
