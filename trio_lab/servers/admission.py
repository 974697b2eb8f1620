"""The admission in front of both Python servers.

Its limits are generous: the pools behind it refuse long before. It is a last bound on the requests that wait in the server,
wherever they wait, and it carries the deadlines of callers to the pools.
"""

from __future__ import annotations

from functools import partial

from ..asgi.admission import Admission
from ..asgi.policy import MONITORED, AdmissionPolicy
from ..config import Config
from ..http.app import LabApp
from ..records.queue import Queue

POLICY = AdmissionPolicy(limit=1000, max_waiting=1000, critical=(*MONITORED, "/ledger", "/stalls"))


def admit(app: LabApp, config: Config) -> tuple[Queue, ...]:
    """Put an admission in front of the app, unless its profile is the naive one. Returns the queue for the lab."""
    if not config.guarded:
        return ()
    admission = Admission(partial(type(app).asgi_app, app), POLICY)
    app.asgi_app = admission  # type: ignore[method-assign, assignment]  # as Quart's documentation says
    return admission.queues[:1]
