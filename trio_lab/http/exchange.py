"""One request and its reply, before and around Quart: refusals by the head alone, and `/health` without Quart.

`/health`, asked for plainly (`head.plain_health`), is answered here. A monitor asks for it all the time, and through
Quart that cost more than the figures: two tasks, a request context, routing and a response class for each request.
Everything else, and every mistake, goes through Quart, so there is one place that checks and one that refuses; both ways
must answer the same request alike, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quart import Request
from quart.asgi import ASGIHTTPConnection

from ..loop.working_on import WORKING_ON
from ..measure.ledger import LEDGER, Ledger
from ..records.codec import to_plain
from .answers import answer
from .app import LabApp
from .contract import MAX_BODY
from .head import not_understood, plain_health, too_large, too_long
from .pool_job import HELD, Held, held_in
from .unread import UnreadBody

if TYPE_CHECKING:
    _Mixed = ASGIHTTPConnection
else:
    _Mixed = object


MADE = "trio_lab.made"
"""In the extensions of an ASGI scope: when the head of the request had been read, by `perf_counter`."""


class Exchange(_Mixed):
    """Mixed into Quart's class for one request. Each server's subclass says how `refuse` is done on its loop.

    ``label`` is its method and route. Unless it is answered without Quart, it has a ledger of its time."""

    app: LabApp
    label: str
    ledger: Ledger
    scope: Any

    async def __call__(self, receive: Any, send: Any) -> None:
        refusal = too_long(self.scope) or not_understood(self.scope) or too_large(self.scope, self.max_body())
        if refusal is None:
            await self.respond(receive, send)
        else:
            await self.refuse(receive, send, *refusal)

    def max_body(self) -> int:
        """How many bytes the body of this request may have."""
        bound = self.app.body_routes.get(self.scope["path"])
        return MAX_BODY if bound is None else bound(self.scope["query_string"])

    async def respond(self, receive: Any, send: Any) -> None:
        """Answer a request whose head is in order."""
        self.label = self.app.labels.of(self.scope)
        WORKING_ON.set(self.label)
        reset = plain_health(self.scope)
        if reset is None:
            await self.through_quart(receive, send)
        else:
            await answer(send, to_plain(self.app.lab.health(reset=reset)))

    def _create_request_from_scope(self, send: Any) -> Request:
        request = super()._create_request_from_scope(send)
        if self.scope["path"] not in self.app.body_routes:
            request.body = UnreadBody()  # type: ignore[assignment]  # has the methods that Quart calls, and keeps nothing
        return request

    @property
    def held(self) -> Held | None:
        """What became of its job, if the request was held."""
        return held_in(self.scope)

    async def through_quart(self, receive: Any, send: Any) -> None:
        held, app = self.held, self.app
        HELD.set(held)
        self.ledger = Ledger(self.label, now=app.now, made=_made_at(self.scope)) if held is None else held.ledger
        LEDGER.set(self.ledger)
        try:
            await super().__call__(receive, send)
        finally:
            app.ledgers.keep(self.ledger)

    async def _send_response(self, send: Any, response: Any) -> None:
        sending = self.app.now()
        try:
            await super()._send_response(send, response)
        finally:
            self.ledger.close(sending)

    async def refuse(self, receive: Any, send: Any, status: int, text: str) -> None:
        """Send a refusal, and meanwhile ignore the rest of the request: a client may not read before it has sent all."""
        raise NotImplementedError


def _made_at(scope: Mapping[str, Any]) -> float | None:
    """None if the connection is not one of ours."""
    found: float | None = (scope.get("extensions") or {}).get(MADE)
    return found
