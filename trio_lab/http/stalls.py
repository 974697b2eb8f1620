"""`/stalls`: which line blocked the loop, on both Python servers. Times in milliseconds."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from quart import Response

from ..loop.stalls import Stall
from ..loop.watch import Watch
from .answers import ms, reply
from .app import LabApp

_STALLS = 50  # the last ones, listed one by one


def add_stalls_route(app: LabApp) -> None:
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
            "label": row.label,
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
