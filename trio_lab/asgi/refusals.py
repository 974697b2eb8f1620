"""The answers to requests that cannot be served now: 503 to one that a queue has refused, with a time after which it may come
again, and 504 to one whose job ran too long."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from ..admission.retry_after import refused_by
from ..errors import Overloaded, RunTimeout
from .inbox import Message, Receive, Send
from .policy import Scope
from .unread import reply_unread

REFUSALS = (Overloaded, RunTimeout)
Refusal: TypeAlias = Overloaded | RunTimeout


def refusal_in(error: BaseException) -> Refusal | None:
    """The refusal that this error is. A nursery or a task group puts it into a group, and it counts if it is alone there."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, REFUSALS) else None


def reply_to(refusal: Refusal) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The JSON of the answer, its status, and the headers that it has for this reason."""
    if isinstance(refusal, Overloaded):
        body, headers = refused_by(refusal)
        return body, 503, headers
    return {"error": str(refusal)}, 504, {}


async def refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    """Answer an HTTP request whose body is not read. The connection may be used again."""

    async def reply() -> None:
        for message in _messages(refusal, "http.response"):
            await send(message)

    await reply_unread(scope, receive, reply)


async def refuse_websocket(scope: dict[str, Any], send: Send, refusal: Overloaded) -> None:
    """Answer a client that wants a websocket, with 503 where the server can, else by closing (the client sees a 403)."""
    if "websocket.http.response" in (scope.get("extensions") or {}):
        for message in _messages(refusal, "websocket.http.response"):
            await send(message)
    else:
        await send({"type": "websocket.close", "code": 1013, "reason": "try again later"})


def _messages(refusal: Refusal, answer: str) -> tuple[Message, Message]:
    body, status, more = reply_to(refusal)
    encoded = json.dumps(body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(encoded)),
        *((name.lower().encode(), value.encode()) for name, value in more.items()),
    ]
    start = {"type": f"{answer}.start", "status": status, "headers": headers}
    return start, {"type": f"{answer}.body", "body": encoded}
