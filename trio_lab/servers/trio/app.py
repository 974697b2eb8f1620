"""The lab's app on Trio with all its routes: those of every runtime, and those that only this server has."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from ...config import Config
from ...http.ledgers import add_ledger_route
from ...http.routes import add_routes
from ...http.stalls import add_stalls_route
from ...records.queue import Queue
from ..metrics import add_metrics_route
from .asgi import TrioApp
from .blockers import add_blocker_routes
from .db import add_db_route
from .ingest import add_ingest_route
from .jobs import add_jobs_routes

_ROUTES = (
    add_routes,
    add_stalls_route,
    add_metrics_route,
    add_ledger_route,
    add_blocker_routes,
    add_ingest_route,
    add_db_route,
    add_jobs_routes,
)


def create_app(
    config: Config | None = None, *, listener: socket.socket | None = None, queues: Iterable[Queue] = ()
) -> TrioApp:
    """The lab as an ASGI app; see `LabApp` for the arguments. More routes may be added until it is served."""
    app = TrioApp(config, listener=listener, queues=queues)
    for add in _ROUTES:
        add(app)
    return app
