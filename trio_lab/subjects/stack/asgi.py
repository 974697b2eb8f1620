"""The least an ASGI app can be, and hypercorn's settings for it."""

from __future__ import annotations

import os
import socket
from typing import Any

import hypercorn.config
from quart import Quart, Response

from .reply import BACKLOG, BODY, HEADERS, KEEP_ALIVE_REQUESTS


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY, "more_body": False})


def with_one_route(app: Quart) -> Quart:
    @app.get("/")
    async def _root() -> Response:
        return Response(BODY, content_type="application/json")

    return app


def settings(listener: socket.socket) -> hypercorn.config.Config:
    """Serve on a copy of the listener's descriptor, which is hypercorn's to close, and add no headers to the reply."""
    config = hypercorn.config.Config()
    config.bind = [f"fd://{os.dup(listener.fileno())}"]
    config.backlog = BACKLOG
    config.keep_alive_max_requests = KEEP_ALIVE_REQUESTS
    config.include_date_header = config.include_server_header = False
    config.loglevel = "WARNING"
    return config
