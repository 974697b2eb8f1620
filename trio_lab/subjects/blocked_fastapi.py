"""The form of `blocked` that is a FastAPI app on uvicorn."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI, Response


async def serve(listener: socket.socket, answer: Callable[[str], bytes]) -> None:
    app = FastAPI()

    @app.get("/block/{name}")
    async def block(name: str) -> Response:
        return Response(answer(f"/block/{name}"))

    @app.get("/{what}")
    async def anything(what: str) -> Response:
        return Response(answer(what))

    config = uvicorn.Config(app, lifespan="off", log_level="critical", access_log=False)
    await uvicorn.Server(config).serve(sockets=[listener])
