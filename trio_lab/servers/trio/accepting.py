"""The serving loop on Trio, in place of hypercorn's `worker_serve`: it makes connections of our class.

Of hypercorn it keeps the order of things: the app's lifespan starts, connections are served until the stop, what is in
flight has the grace period, and the lifespan ends. It speaks HTTP/1.1 on one listening socket; signals are its caller's.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing

import hypercorn.config
import trio
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework
from hypercorn.utils import wrap_app

from ...http.bare import BareConnection
from ...http.connections import LiveConnections
from ...http.entrance import Entrance
from ...http.epoll_set import EpollSet
from ...http.holding import REST, Holding
from ...http.sharing import Shared
from .connection import Bare, Connection


async def serve_app(
    app: ASGIFramework,
    settings: hypercorn.config.Config,
    listener: socket.socket,
    *,
    live: LiveConnections,
    stop: trio.Event,
    holding: Holding | None = None,
    shared: Shared | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI app until ``stop`` is set, and then what is in flight for ``settings.graceful_timeout`` seconds.

    ``task_status.started()`` is called when connections are accepted. The listener is closed at the stop. A send to a
    client that does not read may outlast the grace period, until the caller shuts the ``live`` connections down. With
    ``holding`` requests that have to wait are held. ``shared``: other processes accept from the listener too.

    Raises:
        LifespanFailureError: the app could not start, or ended (in a group).
    """
    context = WorkerContext(None)
    wrapped = wrap_app(app, settings.wsgi_max_body_size, "asgi")
    lifespan = Lifespan(wrapped, settings, {})

    async def speak(bare: BareConnection, data: bytes) -> None:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(bare.socket()))
        await Connection(wrapped, settings, context, lifespan.state, stream).serve(live, bare, data)

    with EpollSet() as sockets:
        async with trio.open_nursery() as living:
            await living.start(lifespan.handle_lifespan)
            await lifespan.wait_for_startup()
            living.start_soon(_look, sockets, holding)
            async with trio.open_nursery() as connections:
                entrance = Entrance(
                    listener,
                    sockets,
                    idle_time=settings.keep_alive_timeout,
                    context=context,
                    live=live,
                    holding=holding,
                    bare=Bare,
                    start=connections.start_soon,
                    later=lambda seconds, call: living.start_soon(_later, seconds, call),
                    speak=speak,
                    shared=shared,
                )
                with closing(entrance.door):
                    with entrance.door:
                        task_status.started()
                        await stop.wait()
                    stopped = trio.current_time()
                    await entrance.end(settings.graceful_timeout)
                connections.cancel_scope.deadline = stopped + settings.graceful_timeout
            await lifespan.wait_for_shutdown()
            living.cancel_scope.cancel()


async def _look(sockets: EpollSet, holding: Holding | None) -> None:
    while True:
        await trio.lowlevel.wait_readable(sockets)
        while sockets.look() and holding is not None and holding.may_rest():  # noqa: ASYNC110  (the rest saves passes)
            await trio.sleep(REST)


async def _later(seconds: float, call: Callable[[], None]) -> None:
    await trio.sleep(seconds)
    call()
