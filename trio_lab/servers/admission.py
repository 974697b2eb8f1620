"""The admission in front of both Python servers.

Its limits are generous: the pools behind it refuse long before. It is a last bound on the requests that wait in the server,
wherever they wait, and it carries the deadlines of callers to the pools.

A request that is held takes a place here for as long (`Admission.held`): so its class, its tenant and its deadline are seen
before there is an exchange. It comes to the app when its job is done, and is let pass: a refusal would waste the work.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ..asgi.admission import Admission
from ..asgi.policy import AdmissionPolicy
from ..config import Config
from ..http.app import LabApp
from ..http.pool_job import held_in
from ..records.queue import Queue
from ..records.totals import MONITORED

POLICY = AdmissionPolicy(limit=1000, max_waiting=1000, critical=(*MONITORED, "/ledger", "/stalls"))


class LabAdmission(Admission):
    """An admission that lets pass what was held."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if held_in(scope) is None:
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def admit(app: LabApp, config: Config) -> tuple[Queue, ...]:
    """Put an admission in front of the app, unless its profile is the naive one. Returns the queue for the lab."""
    if not config.guarded:
        return ()
    app.admission = admission = LabAdmission(partial(type(app).asgi_app, app), POLICY)
    app.asgi_app = admission  # type: ignore[method-assign]  # as Quart's documentation says
    return admission.queues[:1]
