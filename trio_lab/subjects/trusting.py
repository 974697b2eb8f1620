"""A service that trusts its clients: ``python -m trio_lab.subjects.trusting trio`` (or ``asyncio``).

Quart served by hypercorn alone, as the frameworks come: no serving loop of ours, no protocol of ours, and the numeric
parameters of the lab's routes read by a plain `int`. ``POST /fault/body`` waits for its whole body. The control of drills
that attack the HTTP face. It prints ``{"url": …}``, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping

import hypercorn.asyncio
import hypercorn.config
import hypercorn.trio
import trio
from quart import Quart, Response, request
from quart_trio import QuartTrio

from trio_lab.http.answers import reply
from trio_lab.http.contract import NUMBERS, Number
from trio_lab.subjects.telling import end_with_input, say

_KEEP_ALIVE = 60.0  # seconds; as long as the drills ask of the server that they compare it with


def with_routes(app: Quart) -> Quart:
    @app.post("/fault/body")
    async def _body() -> Response:
        return reply({"bytes": len(await request.get_data())})

    for route, numbers in NUMBERS.items():
        app.add_url_rule(route, route, _handler(numbers))
    return app


def _handler(numbers: Mapping[str, Number]) -> Callable[[], Awaitable[Response]]:
    async def handle() -> Response:
        return reply({name: int(request.args.get(name, number.default)) for name, number in numbers.items()})

    return handle


def _settings(listener: socket.socket) -> hypercorn.config.Config:
    config = hypercorn.config.Config()
    config.bind = [f"fd://{os.dup(listener.fileno())}"]
    config.backlog = 1024
    config.keep_alive_timeout = _KEEP_ALIVE
    config.loglevel = "WARNING"
    return config


def main(runtime: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        settings = _settings(listener)
        say(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        if runtime == "trio":
            app = with_routes(QuartTrio(__name__))
            trio.run(lambda: hypercorn.trio.serve(app, settings, shutdown_trigger=trio.sleep_forever))
        else:
            app = with_routes(Quart(__name__))
            asyncio.run(hypercorn.asyncio.serve(app, settings, shutdown_trigger=asyncio.Event().wait))


if __name__ == "__main__":
    end_with_input()
    main(sys.argv[1])
