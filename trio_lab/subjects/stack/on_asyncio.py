"""The layers on asyncio. Streams, because hypercorn uses them here too."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import h11
import hypercorn.asyncio
from quart import Quart

from . import asgi
from .reply import BLANK_LINE, MOST, REPLY, answer


async def _sockets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    asked = b""
    while data := await reader.read(MOST):
        *whole, asked = (asked + data).split(BLANK_LINE)
        if whole:
            writer.write(REPLY * len(whole))
            await writer.drain()


async def _h11(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = h11.Connection(h11.SERVER)
    while data := await reader.read(MOST):
        if said := answer(connection, data):
            writer.write(said)
            await writer.drain()
        if connection.our_state is h11.MUST_CLOSE:
            return


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _serving(handle: Handler) -> Callable[[socket.socket], Coroutine[Any, Any, None]]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (ConnectionError, h11.RemoteProtocolError):
            pass  # a client that left, or speaks something else
        finally:
            writer.close()

    async def serve(listener: socket.socket) -> None:
        async with await asyncio.start_server(one, sock=listener) as server:
            await server.serve_forever()

    return serve


async def _hypercorn(listener: socket.socket, app: Any = asgi.app) -> None:
    await hypercorn.asyncio.serve(app, asgi.settings(listener), shutdown_trigger=asyncio.Event().wait)


LAYERS: dict[str, Callable[[socket.socket], Coroutine[Any, Any, None]]] = {
    "sockets": _serving(_sockets),
    "h11": _serving(_h11),
    "hypercorn": _hypercorn,
    "quart": partial(_hypercorn, app=asgi.with_one_route(Quart(__name__))),
}


def run(layer: str, listener: socket.socket) -> None:
    asyncio.run(LAYERS[layer](listener))
