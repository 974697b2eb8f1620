"""What a middleware costs: the same ASGI app with and without it in front, in turn, in one process and without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import thread_time
from typing import Any

import trio

from ...asgi import Admission, AdmissionPolicy, label_requests

_TURNS = 20
_SCOPE = {
    "type": "http",
    "method": "GET",
    "route": "/orders",
    "path": "/orders",
    "client": ("127.0.0.1", 50_000),
    "headers": [
        (b"host", b"localhost:8000"),
        (b"user-agent", b"Mozilla/5.0"),
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip, deflate"),
        (b"connection", b"keep-alive"),
        (b"x-api-key", b"a tenant"),
    ],
}
_START = {"type": "http.response.start", "status": 200, "headers": []}
_BODY = {"type": "http.response.body", "body": b"done"}

ADMISSIONS: dict[str, Callable[[Any], Any]] = {
    "fixed": lambda app: Admission(app, AdmissionPolicy(limit=20)),
    "adaptive": Admission,
    "adaptive, tenants": lambda app: Admission(app, AdmissionPolicy(tenant="x-api-key")),
}
LABELS = "labels"
_MIDDLEWARES = ADMISSIONS | {LABELS: label_requests}


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await send(_START)
    await send(_BODY)


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


async def _send(message: dict[str, Any]) -> None:
    pass


async def _cpu(app: Callable[..., Awaitable[None]], requests: int) -> float:
    before = thread_time()
    for _ in range(requests):
        await app(_SCOPE, _receive, _send)
    return thread_time() - before


async def _extra(middleware: str, requests: int) -> float:
    behind, extra = _MIDDLEWARES[middleware](_app), 0.0
    for _ in range(_TURNS):
        extra += await _cpu(behind, requests // _TURNS) - await _cpu(_app, requests // _TURNS)
    return extra / (requests // _TURNS * _TURNS)


def extra_cpu(loop: str, middleware: str, requests: int) -> float:
    """CPU seconds that the middleware adds to one request, which an admission admits at once."""
    if loop == "trio":
        return trio.run(_extra, middleware, requests)
    return asyncio.run(_extra(middleware, requests))
