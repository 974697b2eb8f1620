"""The serving loop on asyncio, in place of hypercorn's `worker_serve`: it makes connections of our class.

The same as `servers.trio.accepting`, on the other loop. hypercorn's own does not keep its grace period here: from Python
3.12 on, asyncio waits for all connections before hypercorn begins to count.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import hypercorn.config
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework
from hypercorn.utils import wrap_app

from ...http.connections import LiveConnections
from ...http.listening import BACKLOG
from .connection import Connection


async def serve_app(
    app: ASGIFramework,
    settings: hypercorn.config.Config,
    listener: socket.socket,
    *,
    live: LiveConnections,
    stop: asyncio.Event,
    on_ready: Callable[[], None],
) -> None:
    """Serve an ASGI app until ``stop`` is set, and then what is in flight until it ends.

    ``on_ready`` is called when connections are accepted. The listener is closed at the stop. When the grace period is
    over the caller shuts the ``live`` connections down, which ends what is in flight.

    Raises:
        LifespanFailureError: the app could not start, or ended (in a group).
    """
    context = WorkerContext(None)
    wrapped = wrap_app(app, settings.wsgi_max_body_size, "asgi")
    lifespan = Lifespan(wrapped, settings, asyncio.get_running_loop(), {})
    async with asyncio.TaskGroup() as living:
        life = living.create_task(lifespan.handle_lifespan())
        await lifespan.wait_for_startup()
        if life.done() and life.exception() is not None:
            return  # the group raises it; its cancellation of this task may be lost in Python 3.11's `wait_for`
        async with asyncio.TaskGroup() as connections:

            def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if stop.is_set():  # accepted in the very pass of the stop
                    writer.transport.abort()
                    return
                connection = Connection(wrapped, settings, context, lifespan.state, reader, writer, live=live)
                connections.create_task(connection.run())

            server = await asyncio.start_server(serve_one, sock=listener, backlog=BACKLOG)
            on_ready()
            await stop.wait()
            server.close()
            await context.terminated.set()
        await lifespan.wait_for_shutdown()
