"""What is answered before Quart: `/health`, when it is asked for plainly.

Whoever watches a server asks for its health all the time, and through Quart that cost more than finding the figures: a
nursery with two tasks, a request context, routing and a response of its own for each. Nothing of it is needed for a GET
without a body whose path and query stand in a table.

Only what is plainly right comes this way (`contract.plain_health`). Everything else, and every mistake, goes through
Quart, so there is one place that checks and one that refuses; the two must answer the same request alike, and a test
compares them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .lab import Lab
from .replies import health

_JSON = (b"content-type", b"application/json")


async def answer_health(lab: Lab, send: Any, *, reset: bool) -> None:
    body = msgspec.json.encode(health(lab, reset=reset))
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
