"""A Quart app under watch: its log names the line, the method and the route of each stall."""

import hashlib
from collections.abc import AsyncGenerator

from quart import Quart
from trio_lab import observe
from trio_lab.asgi import label_requests

site = Quart(__name__)
app = label_requests(site)


@site.while_serving
async def watched() -> AsyncGenerator[None, None]:
    async with observe() as app.watch:
        yield


@site.get("/users/<user>/signature")
async def sign(user: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", user.encode(), b"salt", 1_000_000).hex()
