"""A small HTTP/1.1 server for the side process: one request and one reply per connection, or a stream of events.

It uses no other package, because the base install has no HTTP server. A request that it does not understand is refused, and so
is one whose Host header is neither an address nor a known name. Otherwise a page of the internet could let its own name point
to 127.0.0.1 and read what is served there (DNS rebinding); the browser still sends that name.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

_HEAD, _BODY = 16_384, 1_024  # bytes
_LENGTH = re.compile("[0-9]{1,9}")
_PATIENCE = 10.0  # seconds for a request to come, and for a piece of the reply to go
_MOST = 256  # connections
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    501: "Not Implemented",
    503: "Unavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request. The names of its headers are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply: a body, or pieces that are sent as they come."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] | None = None
    pieces: AsyncIterator[bytes] | None = None


Handler = Callable[[Request], Awaitable[Reply]]


class BadRequest(Exception):
    """It cannot be answered; the text says why."""


def text(said: str, status: int = 200) -> Reply:
    return Reply(body=f"{said}\n".encode(), status=status, kind="text/plain; charset=utf-8")


def allowed(host: str, names: Collection[str]) -> bool:
    """Whether a Host header is one of these names, an address, or "localhost"."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    with suppress(ValueError):
        ip_address(name)
        return True
    return name == "localhost" or name in names


class Server:
    """Answers with ``handler``. Use `connected` as the callback of `asyncio.start_server`."""

    def __init__(self, handler: Handler, names: Collection[str]) -> None:
        self._handler = handler
        self._names = {name.lower() for name in names}
        self._open = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        writer.transport.set_write_buffer_limits(0)  # `drain` waits for all of it: what is left at the end is given up
        try:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                if self._open <= _MOST:
                    await self._answer(reader, writer)
        finally:
            self._open -= 1
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                request = await _request(reader)
            if not allowed(request.headers.get("host", ""), self._names):
                reply = text("This host name is not known here", 403)
            else:
                reply = await self._handler(request)
        except BadRequest as error:
            request, reply = Request(method="GET", path="", query={}, headers={}), text(str(error), 400)
        await _send(writer, _head(reply) + (b"" if request.method == "HEAD" else reply.body))
        if reply.pieces is not None and request.method != "HEAD":
            async for piece in reply.pieces:
                await _send(writer, piece)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    async with asyncio.timeout(_PATIENCE):
        await writer.drain()


def _head(reply: Reply) -> bytes:
    headers = {"Content-Type": reply.kind, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if reply.pieces is None:
        headers["Content-Length"] = str(len(reply.body))
    headers |= {"Connection": "close", **(reply.headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}\r\n{lines}\r\n".encode("ascii")


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    if len(head) > _HEAD:
        raise BadRequest("The head is too large")
    first, *lines = head.split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[1].startswith("/") or not parts[2].startswith("HTTP/1."):
        raise BadRequest("This is not a request of HTTP/1.1")
    headers: dict[str, str] = {}
    for line in filter(None, lines):
        name, colon, value = line.partition(":")
        if not colon or (name.lower() in headers and name.lower() in ("host", "content-length")):
            raise BadRequest("The headers are not in order")
        headers[name.lower()] = value.strip()
    length = headers.get("content-length", "0")
    if not _LENGTH.fullmatch(length) or int(length) > _BODY or "transfer-encoding" in headers:
        raise BadRequest("The body is too large")
    try:
        url = urlsplit(parts[1])
    except ValueError:
        raise BadRequest("This is not the path of a URL") from None
    return Request(
        method=parts[0],
        path=url.path,
        query=dict(parse_qsl(url.query)),
        headers=headers,
        body=await reader.readexactly(int(length)),
    )
