"""The layers on Trio."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import h11
import hypercorn.trio
import trio
from quart_trio import QuartTrio

from . import asgi
from .reply import BLANK_LINE, MOST, REPLY, answer


async def _sockets(stream: trio.SocketStream) -> None:
    asked = b""
    async with stream:
        while data := await stream.receive_some(MOST):
            *whole, asked = (asked + data).split(BLANK_LINE)
            if whole:
                await stream.send_all(REPLY * len(whole))


async def _h11(stream: trio.SocketStream) -> None:
    connection = h11.Connection(h11.SERVER)
    async with stream:
        while data := await stream.receive_some(MOST):
            if said := answer(connection, data):
                await stream.send_all(said)
            if connection.our_state is h11.MUST_CLOSE:
                return


def _serving(handle: Callable[[trio.SocketStream], Awaitable[None]]) -> Callable[[socket.socket], Awaitable[None]]:
    async def one(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError, h11.RemoteProtocolError):  # it left, or speaks something else
            await handle(stream)

    async def serve(listener: socket.socket) -> None:
        await trio.serve_listeners(one, [trio.SocketListener(trio.socket.from_stdlib_socket(listener))])

    return serve


async def _hypercorn(listener: socket.socket, app: Any = asgi.app) -> None:
    await hypercorn.trio.serve(app, asgi.settings(listener), shutdown_trigger=trio.sleep_forever)


LAYERS: dict[str, Callable[[socket.socket], Awaitable[None]]] = {
    "sockets": _serving(_sockets),
    "h11": _serving(_h11),
    "hypercorn": _hypercorn,
    "quart": partial(_hypercorn, app=asgi.with_one_route(QuartTrio(__name__))),
}


def run(layer: str, listener: socket.socket) -> None:
    trio.run(LAYERS[layer], listener)
