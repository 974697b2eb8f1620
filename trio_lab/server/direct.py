"""What is answered before Quart: `/health`, when it is asked for plainly.

Whoever watches a server asks for its health all the time, and through Quart that cost more than finding the figures: a
nursery with two tasks, a request context, routing and a response of its own for each. Nothing of it is needed for a GET
without a body whose path and query stand in a table.

Only what is plainly right comes this way. Everything else, and every mistake, goes through Quart, so there is one place
that checks and one that refuses; the two must answer the same request alike, and a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from .lab import Lab
from .replies import health

_RESETS = {b"": True, b"reset=1": True, b"reset=0": False}
_HOST = re.compile(rb"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*(:[0-9]{1,5})?")
_NOT_PLAIN = {b"content-length", b"transfer-encoding", b"expect"}
_JSON = (b"content-type", b"application/json")


def plain_health(scope: Mapping[str, Any]) -> bool | None:
    """Whether a request for `/health` asks for a reset; None when it is none, or not a plain one."""
    if scope["path"] != "/health" or scope["method"] not in ("GET", "HEAD"):
        return None
    hosts = 0
    for name, value in scope["headers"]:
        if name == b"host" and _HOST.fullmatch(value):
            hosts += 1
        elif name == b"host" or name in _NOT_PLAIN:
            return None
    return _RESETS.get(scope["query_string"]) if hosts == 1 else None


async def answer_health(lab: Lab, send: Any, *, reset: bool) -> None:
    body = msgspec.json.encode(health(lab, reset=reset))
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
