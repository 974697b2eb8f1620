"""A service with tenants behind an admission: ``python -m trio_lab.experiments.tenants [HEADER]``.

Every request waits for a while and computes nothing, so what it can serve is its places ÷ the mean of that time, on any
machine. The time is drawn from half of the mean to one and a half of it: if all took the same, requests that began together
would end together, and places would be free all at once and then none for long.

With a header the admission knows whose request it is; without one it treats all alike. It prints ``{"url": …}`` and ends when
its standard input does.
"""

from __future__ import annotations

import socket
import sys
from functools import partial
from random import uniform
from typing import Any

import trio

from ..asgi.admission import Admission
from ..asgi.policy import AdmissionPolicy
from ..http.connections import LiveConnections
from ..servers.trio.accepting import serve_app
from ..subjects.stack import asgi
from ..subjects.stack.__main__ import serve

PLACES, SERVICE = 8, 0.4  # requests at once, mean seconds for each
CAPACITY = PLACES / SERVICE
TENANT = "X-Tenant"


async def waiting(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The app: the same short reply to all, after a while."""
    if scope["type"] == "http":
        await trio.sleep(SERVICE * uniform(0.5, 1.5))
    await asgi.app(scope, receive, send)


def _run(tenant: str | None, listener: socket.socket) -> None:
    app: Any = Admission(waiting, AdmissionPolicy(limit=PLACES, tenant=tenant))
    settings = asgi.settings(listener)
    trio.run(partial(serve_app, app, settings, listener, live=LiveConnections(), stop=trio.Event()))


if __name__ == "__main__":
    serve(partial(_run, sys.argv[1] if len(sys.argv) > 1 else None))
