"""Small servers that do exactly one thing, well or badly: a script for each connection, and `serving` to run it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import trio

Script = Callable[[trio.abc.Stream], Awaitable[None]]


@asynccontextmanager
async def serving(
    script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, unix: Path | None = None
) -> AsyncIterator[str]:
    """The base URL of a server that runs ``script`` for every connection, over TLS or at a Unix socket if one is given."""

    async def connection(stream: trio.abc.Stream) -> None:
        try:
            async with stream:
                await script(stream)
        except trio.BrokenResourceError:
            pass  # clients may leave at any time

    listener = await _listen(host, unix)
    where = f"[{host}]" if ":" in host else host
    port = "" if unix else f":{listener.socket.getsockname()[1]}"
    listening = trio.SSLListener(listener, tls, https_compatible=True) if tls else listener
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, connection, [listening])
        yield f"http{'s' if tls else ''}://{where}{port}/"
        nursery.cancel_scope.cancel()


async def _listen(host: str, unix: Path | None) -> trio.SocketListener:
    if unix is None:
        [listener] = await trio.open_tcp_listeners(0, host=host)
        return listener
    listening = trio.socket.socket(socket.AF_UNIX)
    await listening.bind(str(unix))
    listening.listen()
    return trio.SocketListener(listening)


async def read_request(stream: trio.abc.Stream) -> bytes:
    """The head of a request; nothing when the client has left."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = await stream.receive_some(65536)
        if not data:
            return b""
        head += data
    return head


def reply(body: bytes = b"ok", *, status: int = 200, extra: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"HTTP/%s %d X\r\nContent-Length: %d\r\n%s\r\n%s" % (version, status, len(body), extra, body)


def replying(*replies: bytes) -> Script:
    """Give the replies in turn, over and over, whichever connection asks."""
    turns = count()

    async def script(stream: trio.abc.Stream) -> None:
        while await read_request(stream):
            await stream.send_all(replies[next(turns) % len(replies)])

    return script


def sending_once(data: bytes) -> Script:
    """Send ``data`` for the first request of each connection, then close it."""

    async def script(stream: trio.abc.Stream) -> None:
        if await read_request(stream):
            await stream.send_all(data)

    return script


async def silent(stream: trio.abc.Stream) -> None:
    """Read and never answer, until the client leaves."""
    while await read_request(stream):
        pass


async def dribbling(stream: trio.abc.Stream) -> None:
    while await read_request(stream):
        for byte in reply(b"slowly"):
            await stream.send_all(bytes([byte]))


async def closing_without_a_word(stream: trio.abc.Stream) -> None:
    """Keep-alive by the book, and yet closed after every third reply."""
    for _ in range(3):
        if await read_request(stream):
            await stream.send_all(reply())


async def slamming(stream: trio.abc.Stream) -> None:
    """Take the request and close."""
    await read_request(stream)
