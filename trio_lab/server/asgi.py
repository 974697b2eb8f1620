"""Where we stand between hypercorn and Quart: the lab's lifetime, limits on what comes in, and a reply sent to its end.

Two upstream behaviours are put right here, both seen on hypercorn 0.18 with quart-trio 0.12 (see also `upstream`):

- quart-trio cancels a request's nursery as soon as the app is told that the exchange is over, which hypercorn does from
  inside the sending of the last event. So hypercorn's own end of the exchange (closing on ``Connection: close``, arming
  the keep-alive timer) was cancelled half way. The send is shielded, for a bounded time.
- h11 bounds a request's head only while it is incomplete, so a 20 KB line in one packet passes a 16 KB limit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import msgspec
import trio
from hypercorn.utils import LifespanFailureError
from quart_trio.asgi import TrioASGIHTTPConnection, TrioASGILifespan

from ..config import Config
from ..errors import LabLost
from .lab import open_lab

if TYPE_CHECKING:
    from .app import LabApp

# Far more than any honest reply of the lab takes to leave; a client that does not read is cut off after it.
_SEND_TIME = 30.0

_MAX_TARGET = 8_192  # bytes of path and query, as nginx and Apache have it
_MAX_HEAD = 16_384  # bytes of all header lines


def too_large(scope: Mapping[str, Any], max_body: int) -> tuple[int, str] | None:
    """The status and text that refuse a request by its head alone, or None."""
    if len(scope["raw_path"]) + len(scope["query_string"]) > _MAX_TARGET:
        return 414, "Request target too long"
    if sum(len(name) + len(value) for name, value in scope["headers"]) > _MAX_HEAD:
        return 431, "Request header fields too large"
    for name, value in scope["headers"]:
        if name == b"content-length" and int(value) > max_body:
            return 413, "Request body too large"
    return None


def not_understood(scope: dict[str, Any]) -> tuple[int, str] | None:
    """The status and text that refuse a version or a request target that we do not speak, or None.

    A target is a path, or a whole URL as a proxy gets it. Quart would parse the URL after it was unquoted, and fail on
    what is none; so the path is taken out of it here.
    """
    if scope["http_version"] not in ("1.0", "1.1"):
        return 505, "HTTP version not supported"
    target = scope["raw_path"].decode("ascii")
    if target.startswith("/"):
        return None
    try:
        parts = urlsplit(target)
    except ValueError:
        return 400, "Request target not understood"
    if parts.scheme not in ("http", "https") or not parts.netloc or not parts.path:
        return 400, "Request target not understood"
    scope["path"] = unquote(parts.path)
    return None


class LabHTTPConnection(TrioASGIHTTPConnection):
    """One request."""

    app: LabApp

    async def __call__(self, receive: Any, send: Any) -> None:
        refusal = too_large(self.scope, self.app.config["MAX_CONTENT_LENGTH"]) or not_understood(self.scope)  # type: ignore[arg-type]
        if refusal is None:
            await super().__call__(receive, send)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_ignore, receive)
            await _refuse(send, *refusal)
            nursery.cancel_scope.cancel()

    async def _send_response(self, send: Any, response: Any) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _SEND_TIME) as scope:
            self.app.shields.add(scope)
            try:
                await super()._send_response(send, response)
            finally:
                self.app.shields.discard(scope)


async def _ignore(receive: Any) -> None:
    """Take what hypercorn has for us: it waits for room where it puts a body, the end of the exchange included."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Any, status: int, text: str) -> None:
    """Answer without reading the rest, and close: what follows on the connection is not worth receiving."""
    body = msgspec.json.encode({"error": text})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class LabLifespan(TrioASGILifespan):
    """Opens the lab around the app's own lifespan, in one task: what it opens it closes."""

    app: LabApp

    async def __call__(self, receive: Any, send: Any) -> None:
        try:
            config = self.app.lab_config or Config.from_env(os.environ)
            async with open_lab(config, listener=self.app.listener) as lab:
                self.app.lab = lab
                await super().__call__(receive, send)
        except* Exception as fault:
            # hypercorn serves on without a lifespan, every request a 500, unless it is told so in its own words.
            self.app.fault = fault
            self.app.lost.set()
            raise LifespanFailureError("the lab", str(LabLost(fault))) from fault
