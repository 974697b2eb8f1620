"""An aiohttp server under watch: its log names the line, the method and the route of each stall."""

import hashlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from trio_lab import WORKING_ON, observe

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def label(request: web.Request, handler: Handler) -> web.StreamResponse:
    resource = request.match_info.route.resource
    WORKING_ON.set(f"{request.method} {resource.canonical if resource else '(unknown route)'}")
    return await handler(request)


async def watched(_: web.Application) -> AsyncIterator[None]:
    async with observe():
        yield


async def sign(request: web.Request) -> web.Response:
    user = request.match_info["user"].encode()
    return web.Response(text=hashlib.pbkdf2_hmac("sha256", user, b"salt", 1_000_000).hex())


app = web.Application(middlewares=[label])
app.cleanup_ctx.append(watched)
app.add_routes([web.get("/users/{user}/signature", sign)])

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
