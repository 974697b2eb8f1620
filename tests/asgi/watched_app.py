"""A plain ASGI app that watches its loop, for a server with several worker processes. ``/block`` blocks; every reply tells the
process, the labels of its stalls so far, and whether Trio was loaded."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from trio_lab import observe
from trio_lab.asgi import label_requests


def block() -> None:
    time.sleep(0.05)


async def work(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        async with observe(budget=0.02) as app.watch:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    scope["route"] = scope["path"]
    if scope["path"] == "/block":
        block()
    assert app.watch is not None
    labels = [stall.label for stall in app.watch.stalls()]
    body = json.dumps({"pid": os.getpid(), "labels": labels, "trio": "trio" in sys.modules}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


app = label_requests(work)
