"""Small servers that do exactly one thing, well or badly: a script for each connection, and `serving` to run it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import trio

Script = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def serving(script: Script, *, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """The base URL of a server that runs ``script`` for every connection."""

    async def connection(stream: trio.SocketStream) -> None:
        try:
            async with stream:
                await script(stream)
        except trio.BrokenResourceError:
            pass  # clients may leave at any time

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, connection, 0, host=host))
        where = f"[{host}]" if ":" in host else host
        yield f"http://{where}:{listeners[0].socket.getsockname()[1]}/"
        nursery.cancel_scope.cancel()


async def read_request(stream: trio.SocketStream) -> bool:
    """False when the client has left."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = await stream.receive_some(65536)
        if not data:
            return False
        head += data
    return True


def reply(body: bytes = b"ok", *, status: int = 200, extra: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"HTTP/%s %d X\r\nContent-Length: %d\r\n%s\r\n%s" % (version, status, len(body), extra, body)


def replying(*replies: bytes) -> Script:
    """Give the replies in turn, over and over, whichever connection asks."""
    turns = count()

    async def script(stream: trio.SocketStream) -> None:
        while await read_request(stream):
            await stream.send_all(replies[next(turns) % len(replies)])

    return script


def sending_once(data: bytes) -> Script:
    """Send ``data`` for the first request of each connection, then close it."""

    async def script(stream: trio.SocketStream) -> None:
        if await read_request(stream):
            await stream.send_all(data)

    return script


async def silent(stream: trio.SocketStream) -> None:
    """Read and never answer, until the client leaves."""
    while await read_request(stream):
        pass


async def dribbling(stream: trio.SocketStream) -> None:
    while await read_request(stream):
        for byte in reply(b"slowly"):
            await stream.send_all(bytes([byte]))


async def closing_without_a_word(stream: trio.SocketStream) -> None:
    """Keep-alive by the book, and yet closed after every third reply."""
    for _ in range(3):
        if await read_request(stream):
            await stream.send_all(reply())


async def slamming(stream: trio.SocketStream) -> None:
    """Take the request and close."""
    await read_request(stream)
