"""`/ledger`: what only the Trio server measures. Times in milliseconds."""

from __future__ import annotations

from quart import Response

from ...http.answers import reply
from ...http.contract import RESET, Numbers
from ...http.routes import reset
from .asgi import TrioApp

NUMBERS: Numbers = {"/ledger": {"reset": RESET}}


def add_ledger_route(app: TrioApp) -> None:
    app.declare(NUMBERS, {})

    @app.get("/ledger")
    async def _ledger() -> Response:
        """Where the time of each route's requests went. With reset=1 a new measuring window begins."""
        return reply({"routes": [route.as_json() for route in app.ledgers.read(reset=reset())]})
