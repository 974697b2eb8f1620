"""`/ledger`: where the time of requests went, on both Python servers. Times in milliseconds."""

from __future__ import annotations

from quart import Response

from .answers import reply
from .app import LabApp
from .contract import RESET, Numbers
from .routes import reset

NUMBERS: Numbers = {"/ledger": {"reset": RESET}}


def add_ledger_route(app: LabApp) -> None:
    app.declare(NUMBERS, {})

    @app.get("/ledger")
    async def _ledger() -> Response:
        """Where the time of each route's requests went. With reset=1 a new measuring window begins."""
        return reply({"routes": [route.as_json() for route in app.ledgers.read(reset=reset())]})
