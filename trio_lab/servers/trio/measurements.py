"""`/ledger` and `/stalls`: what only the Trio server measures. Times in milliseconds."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from quart import Response

from ...http.answers import ms, reply
from ...http.contract import RESET, Numbers
from ...http.routes import reset
from ...loop.observe import Watch
from ...loop.stalls import Stall
from .asgi import TrioApp

NUMBERS: Numbers = {"/ledger": {"reset": RESET}}
_STALLS = 50  # the last ones, listed one by one


def add_measurement_routes(app: TrioApp) -> None:
    app.declare(NUMBERS, {})

    @app.get("/ledger")
    async def _ledger() -> Response:
        """Where the time of each route's requests went. With reset=1 a new measuring window begins."""
        return reply({"routes": [route.as_json() for route in app.ledgers.read(reset=reset())]})

    @app.get("/stalls")
    async def _stalls() -> Response:
        """The lines that held the loop for too long."""
        return reply(_stalls_of(app.lab.watch))


def _stalls_of(watch: Watch) -> dict[str, Any]:
    """Passes over the budget since the lab was opened: by line and cause, and the last ones, newest first."""
    rows = [
        {
            "file": row.filename,
            "line": row.lineno,
            "function": row.function,
            "cause": row.cause,
            "count": row.count,
            "total_ms": ms(row.total),
            "longest_ms": ms(row.longest),
            "samples": row.samples,
            "share": round(row.share, 4),
            "awaits": None if row.awaits is None else round(row.awaits, 4),
        }
        for row in watch.table()
    ]
    now = perf_counter()
    last = [_stall(stall, now) for stall in reversed(watch.stalls()[-_STALLS:])]
    return {"budget_ms": ms(watch.budget), "blind": watch.blind, "count": watch.count, "table": rows, "last": last}


def _stall(stall: Stall, now: float) -> dict[str, Any]:
    """Figures that were not seen are null."""
    return {
        "duration_ms": ms(stall.duration),
        "ago_ms": ms(now - stall.began - stall.duration),
        "cause": stall.cause,
        "file": stall.filename or None,
        "line": stall.lineno or None,
        "function": stall.function or None,
        "task": stall.task_name or None,
        "path": stall.path,
        "label": stall.label,
        "samples": stall.samples,
        "share": round(stall.share, 4),
        "top": [{"task": name, "ms": ms(seconds)} for name, seconds in stall.top],
    }
