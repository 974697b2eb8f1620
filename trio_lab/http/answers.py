"""How both Python servers answer: in JSON, through Quart (`reply`) or in ASGI's own messages (`answer`, `refuse`)."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import msgspec
from quart import Response

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")


def reply(body: dict[str, Any], status: int = 200, **headers: str) -> Response:
    """A response for Quart to send."""
    return Response(msgspec.json.encode(body), status, headers, content_type="application/json")


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


async def ignore(receive: Any) -> None:
    """Read and drop messages until the exchange ends. hypercorn's queue for the app is bounded: while nothing reads it,
    hypercorn cannot even report the end."""
    while (await receive())["type"] != "http.disconnect":
        pass
