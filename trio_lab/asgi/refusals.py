"""The answer to a request that is refused: 503, with a time after which it may come again."""

from __future__ import annotations

import json
from typing import Any

from ..admission.retry_after import retry_after
from ..errors import Overloaded
from .inbox import Message, Send


async def refuse(send: Send, refusal: Overloaded) -> None:
    """Answer an HTTP request. The connection may be used again."""
    for message in _messages(refusal, "http.response"):
        await send(message)


async def refuse_websocket(scope: dict[str, Any], send: Send, refusal: Overloaded) -> None:
    """Answer a client that wants a websocket, with 503 where the server can, else by closing (the client sees a 403)."""
    if "websocket.http.response" in (scope.get("extensions") or {}):
        for message in _messages(refusal, "websocket.http.response"):
            await send(message)
    else:
        await send({"type": "websocket.close", "code": 1013, "reason": "try again later"})


def _messages(refusal: Overloaded, answer: str) -> tuple[Message, Message]:
    body = json.dumps({"error": str(refusal), "queue": refusal.queue}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % retry_after(refusal.retry_after)),
    ]
    return {"type": f"{answer}.start", "status": 503, "headers": headers}, {"type": f"{answer}.body", "body": body}
