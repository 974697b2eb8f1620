"""How both Python servers answer: in JSON, through Quart (`reply`), in ASGI's own messages (`answer`, `refuse`), or as the
bytes of a whole reply, where there is no protocol yet (`refusal`, `ending`)."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import Any

import msgspec
from quart import Response

from ..admission.retry_after import refused_by
from ..errors import Overloaded

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")
_ENDING = {"error": "The server is ending"}

Headers = Iterable[tuple[bytes, bytes]]


def reply(body: dict[str, Any], status: int = 200, **headers: str) -> Response:
    """A response for Quart to send."""
    return Response(msgspec.json.encode(body), status, headers, content_type="application/json")


def refusal(error: Overloaded, others: Headers, *, closes: bool) -> bytes:
    """The whole reply to a request that a queue has refused. ``others`` are the headers of every reply; ``closes`` ends the
    connection after this one."""
    body, headers = refused_by(error)
    own = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return _unavailable(body, [*own, *others], closes=closes)


def ending(others: Headers) -> bytes:
    """The reply to a request that the end of the server cuts off."""
    return _unavailable(_ENDING, others, closes=True)


def _unavailable(body: dict[str, Any], headers: Headers, *, closes: bool) -> bytes:
    encoded = msgspec.json.encode(body)
    lines = [_JSON, (b"content-length", b"%d" % len(encoded)), *headers, *([_CLOSE] if closes else [])]
    return b"HTTP/1.1 503 \r\n%b\r\n%b" % (b"".join(b"%b: %b\r\n" % line for line in lines), encoded)


def ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def ms_since(begun: float) -> float:
    """Milliseconds since a moment by `perf_counter`."""
    return ms(perf_counter() - begun)


async def answer(send: Any, body: dict[str, Any], status: int = 200, *, close: bool = False) -> None:
    """Send a whole reply without Quart. ``close`` ends the connection after it."""
    encoded = msgspec.json.encode(body)
    headers = [_JSON, (b"content-length", b"%d" % len(encoded)), *([_CLOSE] if close else [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": encoded, "more_body": False})


async def refuse(send: Any, status: int, text: str) -> None:
    """Answer without reading the rest of the request, and close: the rest is not worth receiving."""
    await answer(send, {"error": text}, status, close=True)
