"""`/metrics` of both Python servers: read in the loop, when it is asked for."""

from __future__ import annotations

from contextlib import closing

from quart import Response, request

from ..errors import UsageError
from ..http.answers import reply
from ..http.app import LabApp
from ..live.metrics.combined import Combined
from ..live.metrics.exposition import exposition
from ..live.metrics.metric import Seen
from ..live.service import Service


def add_metrics_route(app: LabApp) -> None:
    @app.get("/metrics")
    async def _metrics() -> Response:
        """Every figure of the server, of all its processes, for Prometheus. No window is reset."""
        try:
            text, content_type = exposition(lambda: _told(app), request.headers.get("Accept", ""))
        except UsageError as error:
            return reply({"error": str(error)}, 501)
        return Response(text, content_type=content_type)


def _told(app: LabApp) -> Seen | Combined:
    """What the server tells now. Of several processes, what each has written last: up to a second ago."""
    if (one := app.one_of) is not None:
        with closing(Service(one.memory, one.regions)) as service:
            if (combined := service.combined()) is not None:
                return combined
    health = app.lab.health(reset=False)
    return Seen(health=health, totals=app.lab.totals(health, app.requests))
