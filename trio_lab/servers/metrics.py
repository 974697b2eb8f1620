"""`/metrics` of both Python servers: read in the loop, when it is asked for."""

from __future__ import annotations

from quart import Response, request

from ..errors import UsageError
from ..http.answers import reply
from ..http.app import LabApp
from ..live.metrics.exposition import exposition
from ..live.metrics.metric import Seen


def add_metrics_route(app: LabApp) -> None:
    @app.get("/metrics")
    async def _metrics() -> Response:
        """Every figure of the server, for Prometheus. No window is reset."""
        try:
            text, content_type = exposition(lambda: _seen(app), request.headers.get("Accept", ""))
        except UsageError as error:
            return reply({"error": str(error)}, 501)
        return Response(text, content_type=content_type)


def _seen(app: LabApp) -> Seen:
    health = app.lab.health(reset=False)
    return Seen(health=health, totals=app.lab.totals(health, app.requests))
