"""The form of `blocked` that is a Protocol: it answers in `data_received`, so no task runs when it blocks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

_END = b"\r\n\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Callable[[str], bytes]) -> None:
        self._answer = answer
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport  # uvloop's is no subclass of asyncio's

    def data_received(self, data: bytes) -> None:
        *heads, self._unread = (self._unread + data).split(_END)
        for head in heads:
            body = self._answer(head.split()[1].decode())
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def serve(listener: socket.socket, answer: Callable[[str], bytes]) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(answer), sock=listener)
    async with server:
        await server.serve_forever()
