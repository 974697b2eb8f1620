"""The lab's app on asyncio with its routes: ``hypercorn -k asyncio trio_lab.servers.asyncio.app:app``."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from ...config import Config
from ...http.ledgers import add_ledger_route
from ...http.routes import add_routes
from ...http.stalls import add_stalls_route
from ...records.queue import Queue
from ..metrics import add_metrics_route
from .asgi import AsyncioApp


def create_app(
    config: Config | None = None, *, listener: socket.socket | None = None, queues: Iterable[Queue] = ()
) -> AsyncioApp:
    """The lab as an ASGI app; see `LabApp` for the arguments."""
    app = AsyncioApp(config, listener=listener, queues=queues)
    for add in (add_routes, add_stalls_route, add_ledger_route, add_metrics_route):
        add(app)
    return app


app = create_app()
