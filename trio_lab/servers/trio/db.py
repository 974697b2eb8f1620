"""`/db`: a query that takes its time, on a connection of a bounded pool. Only the Trio server has it."""

from __future__ import annotations

from time import perf_counter

from quart import Response, request

from ...http.answers import ms_since, reply
from ...http.contract import MAX_WAIT_MS, Choices, Number, Numbers
from ...http.query import choice, integer
from .asgi import TrioApp
from .database import FAST, READ, SLOW, WRITE

NUMBERS: Numbers = {"/db": {"ms": Number(default=5, low=0, high=MAX_WAIT_MS)}}
CHOICES: Choices = {"/db": {"class": (FAST, SLOW), "access": (READ, WRITE)}}


def add_db_route(app: TrioApp) -> None:
    app.declare(NUMBERS, CHOICES)

    @app.get("/db")
    async def _db() -> Response:
        """A database query that takes so many milliseconds, on one of a few connections."""
        kind, begun = choice(request.args, "class", CHOICES["/db"]), perf_counter()
        writes = choice(request.args, "access", CHOICES["/db"]) == WRITE
        with app.lab.pool_work():
            await app.lab.database.query(integer(request.args, "ms", NUMBERS["/db"]) / 1e3, kind, writes=writes)
        return reply({"route": "/db", "class": kind, "durationMs": ms_since(begun)})
