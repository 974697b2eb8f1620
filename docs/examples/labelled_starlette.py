"""A Starlette app under watch: its log names the line, the method and the route of each stall."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from trio_lab import observe
from trio_lab.asgi import label_requests


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    async with observe() as app.watch:
        yield


async def sign(request: Request) -> PlainTextResponse:
    user = request.path_params["user"].encode()
    return PlainTextResponse(hashlib.pbkdf2_hmac("sha256", user, b"salt", 1_000_000).hex())


app = label_requests(Starlette(routes=[Route("/users/{user}/signature", sign)], lifespan=lifespan))
