"""An app with room for one, for real servers: a request stays until the next one comes to ``/go``."""

from __future__ import annotations

import sys
from typing import Any

from trio_lab.asgi import Admission, AdmissionPolicy
from trio_lab.preconditions import running_loop
from trio_lab.records.codec import encode
from trio_lab.records.queue import QueueStatistics

waiting: list[Any] = []


def event() -> Any:
    if running_loop() == "Trio":
        import trio

        return trio.Event()
    import asyncio

    return asyncio.Event()


async def work(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    body = b""
    if scope["path"] == "/health":
        body = encode(app.queues[0].statistics(), QueueStatistics)
    elif scope["path"] == "/go":
        waiting.pop(0).set()
    elif scope["path"] == "/loop":
        body = f"{running_loop()} {'trio' in sys.modules}".encode()
    else:
        body = (await receive())["body"]
        stays = event()
        waiting.append(stays)
        await stays.wait()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


app = Admission(work, AdmissionPolicy(limit=1, critical=("/health", "/go", "/loop")))
