"""The routes that `trio-lab serve --faults` adds, for drills: jobs that go wrong, and a look inside the process.

``GET /fault/<name>?id=&ms=`` runs a job of `poison.BY_NAME` in the worker pool; its error gets the status that it has on
every route. A few names are faults of the server itself, and run there. ``GET /fault`` tells what only the process knows.
``GET /fault/large/streamed`` and ``/whole`` have a reply of 30 MB; ``POST /fault/body`` waits for its whole body.
What depends on the event loop is in `faults_trio` and `faults_asyncio`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from quart import Response, request

from ..http.answers import reply
from ..http.app import LabApp
from ..http.contract import MAX_BODY, Number, Numbers
from ..http.query import BadQuery, integer
from ..records.codec import to_plain
from .inside import Inside
from .poison import BY_NAME

_JOB = {"id": Number(default=0, low=0, high=10_000_000), "ms": Number(default=20, low=0, high=60_000)}
NUMBERS: Numbers = {"/fault/wait": _JOB}

_LARGE = 30_000_000  # bytes, more than fit into any buffer
_PIECE = 60_000

Run = Callable[[Callable[[int, int], Any], int, int], Awaitable[Any]]
"""Runs a job in a worker."""
Fault = Callable[[int, int], Awaitable[dict[str, Any]]]
"""A fault of the server itself: given ``id`` and ``ms``, it returns what is replied."""


def add_routes(app: LabApp, look: Callable[[], Inside], run: Run, own: Mapping[str, Fault]) -> None:
    """``own`` are the faults of the server itself, by name."""
    app.declare(NUMBERS, {})

    @app.get("/fault")
    async def _inside() -> Response:
        """What only the process knows of itself."""
        return reply(to_plain(look()))

    @app.get("/fault/large/<way>")
    async def _large(way: str) -> Response:
        """A reply of 30 MB: streamed or whole."""
        return Response(_pieces() if way == "streamed" else bytes(_LARGE), headers={"Content-Length": str(_LARGE)})

    app.body_routes["/fault/body"] = lambda _: MAX_BODY

    @app.post("/fault/body")
    async def _body() -> Response:
        """Waits for its whole body."""
        return reply({"bytes": len(await request.get_data())})

    @app.get("/fault/<name>")
    async def _fault(name: str) -> Response:
        """A job that goes wrong, in the worker pool; a few names are faults of the server itself."""
        number, ms = integer(request.args, "id", _JOB), integer(request.args, "ms", _JOB)
        if name in own:
            return reply(await own[name](number, ms))
        if name not in BY_NAME:
            raise BadQuery(f"no fault has this name; known are {', '.join([*BY_NAME, *own])}")
        return reply({"result": await run(BY_NAME[name], number, ms)})


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(0, _LARGE, _PIECE):
        yield bytes(_PIECE)
