"""One request and its reply, before and around Quart: refusals by the head alone, and `/health` without Quart.

`/health`, asked for plainly (`head.plain_health`), is answered here. A monitor asks for it all the time, and through
Quart that cost more than the figures: two tasks, a request context, routing and a response class for each request.
Everything else, and every mistake, goes through Quart, so there is one place that checks and one that refuses; both ways
must answer the same request alike, and a test compares them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quart import Request
from quart.asgi import ASGIHTTPConnection

from ..loop.working_on import WORKING_ON
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


class Exchange(_Mixed):
    """Mixed into Quart's class for one request. Each server's subclass says how `refuse` is done on its loop.

    ``label`` is its method and route."""

    app: LabApp
    label: str
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
        HELD.set(self.held)
        await super().__call__(receive, send)

    async def refuse(self, receive: Any, send: Any, status: int, text: str) -> None:
        """Send a refusal, and meanwhile ignore the rest of the request: a client may not read before it has sent all."""
        raise NotImplementedError
