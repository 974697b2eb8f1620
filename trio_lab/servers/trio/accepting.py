"""The serving loop on Trio, in place of hypercorn's `worker_serve`: it makes connections of our class.

Of hypercorn it keeps the order of things: the app's lifespan starts, connections are served until the stop, what is in
flight has the grace period, and the lifespan ends. It speaks HTTP/1.1 on one listening socket; signals are its caller's.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import hypercorn.config
import trio
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework
from hypercorn.utils import wrap_app

from ...http.connections import LiveConnections
from ...http.listening import LAST_TURNS, Shortage, waiting
from .connection import Connection


async def serve_app(
    app: ASGIFramework,
    settings: hypercorn.config.Config,
    listener: socket.socket,
    *,
    live: LiveConnections,
    stop: trio.Event,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI app until ``stop`` is set, and then what is in flight for ``settings.graceful_timeout`` seconds.

    ``task_status.started()`` is called when connections are accepted. The listener is closed at the stop. A send to a
    client that does not read may outlast the grace period, until the caller shuts the ``live`` connections down.

    Raises:
        LifespanFailureError: the app could not start, or ended (in a group).
    """
    context = WorkerContext(None)
    wrapped = wrap_app(app, settings.wsgi_max_body_size, "asgi")
    lifespan = Lifespan(wrapped, settings, {})

    async def serve_one(stream: trio.SocketStream) -> None:
        try:
            await Connection(wrapped, settings, context, lifespan.state, stream).serve(live)
        finally:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as living:
        await living.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(_accept, listener, serve_one, connections)
                task_status.started()
                await stop.wait()
                accepting.cancel_scope.cancel()
            for _ in range(LAST_TURNS):
                await trio.lowlevel.checkpoint()
            await context.terminated.set()
            connections.cancel_scope.deadline = trio.current_time() + settings.graceful_timeout
        await lifespan.wait_for_shutdown()
        living.cancel_scope.cancel()


async def _accept(
    listener: socket.socket, serve_one: Callable[[trio.SocketStream], Awaitable[None]], connections: trio.Nursery
) -> None:
    """Accept connections until cancelled, then those that are in the backlog, and close the listener. (Trio's own loop logs
    a traceback ten times a second while there are no descriptors.)"""
    shortage, door = Shortage(), trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    try:
        while True:
            try:
                stream = await door.accept()
            except OSError as error:
                shortage.note(error)
                await trio.sleep(shortage.PAUSE)
            else:
                connections.start_soon(serve_one, stream)
    finally:
        for accepted in waiting(listener):
            connections.start_soon(serve_one, trio.SocketStream(trio.socket.from_stdlib_socket(accepted)))
        door.socket.close()
