"""The serving loop on asyncio, in place of hypercorn's `worker_serve`: it makes connections of our class.

The same as `servers.trio.accepting`, on the other loop. hypercorn's own does not keep its grace period here: from Python
3.12 on, asyncio waits for all connections before hypercorn begins to count.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hypercorn.config
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework
from hypercorn.utils import wrap_app

from ...http.connections import LiveConnections
from ...http.listening import LAST_TURNS, Shortage, waiting
from .connection import Connection

_AT_ONCE = 100  # connections that are accepted in one pass of the loop


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
    context, loop = WorkerContext(None), asyncio.get_running_loop()
    wrapped = wrap_app(app, settings.wsgi_max_body_size, "asgi")
    lifespan = Lifespan(wrapped, settings, loop, {})
    async with asyncio.TaskGroup() as living:
        life = living.create_task(lifespan.handle_lifespan())
        await lifespan.wait_for_startup()
        if life.done() and life.exception() is not None:
            return  # the group raises it; its cancellation of this task may be lost in Python 3.11's `wait_for`
        async with asyncio.TaskGroup() as connections:

            async def serve_one(accepted: socket.socket) -> None:
                try:
                    reader, writer = await _streams(accepted)
                except OSError:  # the client is gone already
                    accepted.close()
                    return
                connection = Connection(wrapped, loop, settings, context, lifespan.state, reader, writer)
                await connection.serve(live)

            with _accepting(listener, lambda accepted: connections.create_task(serve_one(accepted))):
                on_ready()
                await stop.wait()
            for _ in range(LAST_TURNS):
                await asyncio.sleep(0)
            await context.terminated.set()
        await lifespan.wait_for_shutdown()


@contextmanager
def _accepting(listener: socket.socket, begin: Callable[[socket.socket], object]) -> Iterator[None]:
    """Accept connections for the length of the block, then those that are in the backlog, and close the listener.

    asyncio's own server, when there are no descriptors, logs as many tracebacks at once as the backlog is long, and tries
    again after it was closed.
    """
    loop, shortage = asyncio.get_running_loop(), Shortage()
    resume: asyncio.TimerHandle | None = None

    def accept() -> None:
        nonlocal resume
        for _ in range(_AT_ONCE):
            try:
                accepted, _address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                loop.remove_reader(listener)
                resume = loop.call_later(shortage.PAUSE, loop.add_reader, listener, accept)
                shortage.note(error)
                return
            begin(accepted)

    listener.setblocking(False)
    loop.add_reader(listener, accept)
    try:
        yield
    finally:
        loop.remove_reader(listener)
        if resume is not None:
            resume.cancel()
        for accepted in waiting(listener):
            begin(accepted)
        listener.close()


async def _streams(accepted: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    accepted.setblocking(False)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
