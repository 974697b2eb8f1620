"""What an admission costs: the same ASGI app with and without one in front, in turn, in one process and without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import thread_time
from typing import Any

import trio

from ...asgi import Admission, AdmissionPolicy

_TURNS = 20
_SCOPE = {
    "type": "http",
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

POLICIES = {
    "fixed": AdmissionPolicy(limit=20),
    "adaptive": AdmissionPolicy(),
    "adaptive, tenants": AdmissionPolicy(tenant="x-api-key"),
}


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


async def _extra(policy: str, requests: int) -> float:
    admitted, extra = Admission(_app, POLICIES[policy]), 0.0
    for _ in range(_TURNS):
        extra += await _cpu(admitted, requests // _TURNS) - await _cpu(_app, requests // _TURNS)
    return extra / (requests // _TURNS * _TURNS)


def extra_cpu(loop: str, policy: str, requests: int) -> float:
    """CPU seconds that the admission adds to one request that is admitted at once."""
    if loop == "trio":
        return trio.run(_extra, policy, requests)
    return asyncio.run(_extra(policy, requests))
