"""The form of `blocked` that is a plain `asyncio.start_server`: a task for each connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable


async def serve(listener: socket.socket, answer: Callable[[str], bytes]) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = answer(head.split()[1].decode())
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(handle, sock=listener) as server:
        await server.serve_forever()
