"""The serving loop on asyncio, in place of hypercorn's `worker_serve`: it makes connections of our class.

The same as `servers.trio.accepting`, on the other loop. hypercorn's own does not keep its grace period here: from Python
3.12 on, asyncio waits for all connections before hypercorn begins to count.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import hypercorn.config
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.typing import ASGIFramework
from hypercorn.utils import wrap_app

from ...http.bare import BareConnection
from ...http.connections import LiveConnections
from ...http.entrance import Entrance
from ...http.epoll_set import EpollSet
from ...http.holding import REST, Holding
from .connection import Bare, Connection


async def serve_app(
    app: ASGIFramework,
    settings: hypercorn.config.Config,
    listener: socket.socket,
    *,
    live: LiveConnections,
    stop: asyncio.Event,
    on_ready: Callable[[], None],
    holding: Holding | None = None,
) -> None:
    """Serve an ASGI app until ``stop`` is set, and then what is in flight until it ends.

    ``on_ready`` is called when connections are accepted. The listener is closed at the stop. When the grace period is
    over the caller shuts the ``live`` connections down, which ends what is in flight. With ``holding`` requests that have
    to wait are held.

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
        with _watched(EpollSet(), holding) as sockets:
            async with asyncio.TaskGroup() as connections:

                async def speak(bare: BareConnection, data: bytes) -> None:
                    try:
                        reader, writer = await _streams(bare.socket())
                    except OSError:  # the client is gone already
                        bare.socket().close()
                        return
                    connection = Connection(wrapped, loop, settings, context, lifespan.state, reader, writer)
                    await connection.serve(live, bare, data)

                entrance = Entrance(
                    listener,
                    sockets,
                    idle_time=settings.keep_alive_timeout,
                    context=context,
                    live=live,
                    holding=holding,
                    bare=Bare,
                    start=lambda call, *args: connections.create_task(call(*args)),
                    later=loop.call_later,
                    speak=speak,
                )
                with closing(entrance.door):
                    with entrance.door:
                        on_ready()
                        await stop.wait()
                    await entrance.end(settings.graceful_timeout)
        await lifespan.wait_for_shutdown()


@contextmanager
def _watched(sockets: EpollSet, holding: Holding | None) -> Iterator[EpollSet]:
    """Let the loop watch a set for the length of the block, and then close it."""
    loop = asyncio.get_running_loop()
    resting: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal resting
        if resting is not None:
            resting = None
            loop.add_reader(sockets, look)  # first: a fault in what is told must not leave the set unwatched
        if sockets.look() and holding is not None and holding.may_rest():
            loop.remove_reader(sockets)
            resting = loop.call_later(REST, look)

    with sockets:
        loop.add_reader(sockets, look)
        try:
            yield sockets
        finally:
            loop.remove_reader(sockets)
            if resting is not None:
                resting.cancel()


async def _streams(accepted: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
