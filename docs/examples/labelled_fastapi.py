"""A FastAPI app under watch: its log names the line, the method and the route of each stall."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from trio_lab import observe
from trio_lab.asgi import label_requests


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with observe() as app.watch:
        yield


api = FastAPI(lifespan=lifespan)


@api.get("/users/{user}/signature")
async def sign(user: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", user.encode(), b"salt", 1_000_000).hex()


@api.get("/times")
async def times() -> list[dict[str, object]]:
    """Where the time of requests went, by route."""
    return [route.as_json() for route in app.ledgers.read(reset=False)]


app = label_requests(api)
