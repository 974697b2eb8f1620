"""Where we stand between hypercorn and Quart: the lab's lifetime, limits on what comes in, and a reply sent to its end.

Upstream behaviours are put right here, both seen on hypercorn 0.18 with quart-trio 0.12 (see also `upstream`):

- quart-trio cancels a request's nursery as soon as the app is told that the exchange is over, which hypercorn does from
  inside the sending of the last event. So hypercorn's own end of the exchange (closing on ``Connection: close``, arming
  the keep-alive timer) was cancelled half way. The send is shielded, for a bounded time.
- A request that is cut off when the grace period is over was answered by hypercorn: a 500 without a body. It is a 503.
- h11 bounds a request's head only while it is incomplete, so a 20 KB line in one packet passes a 16 KB limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from hypercorn.utils import LifespanFailureError
from quart_trio.asgi import TrioASGIHTTPConnection, TrioASGILifespan

from ...errors import LabLost
from ...http.answers import answer, ignore, refuse
from ...http.contract import not_understood, plain_health, too_large
from ...loop.observe import WORKING_ON
from ...measure.ledger import LEDGER, Ledger
from ...options import from_env
from ...records.codec import to_plain
from .bodies import max_body
from .lab import open_lab
from .replies import health
from .thrift import made_at

if TYPE_CHECKING:
    from .app import LabApp

# Far more than any honest reply of the lab takes to leave; a client that does not read is cut off after it.
_SEND_TIME = 30.0
_LAST_WORDS = 0.2  # seconds for telling a client that its request is cut off


class LabHTTPConnection(TrioASGIHTTPConnection):
    """One request.

    `/health`, asked for plainly (`contract.plain_health`), is answered here. Whoever watches a server asks for its health
    all the time, and through Quart that cost more than finding the figures: a nursery with two tasks, a request context,
    routing and a response of its own for each. Everything else, and every mistake, goes through Quart, so there is one
    place that checks and one that refuses; the two must answer the same request alike, and a test compares them.
    """

    app: LabApp
    ledger: Ledger
    replied = False
    left = False

    async def __call__(self, receive: Any, send: Any) -> None:
        refusal = too_large(self.scope, max_body(self.scope)) or not_understood(self.scope)  # type: ignore[arg-type]
        if refusal is None:
            label = self.app.labels.of(self.scope)  # type: ignore[arg-type]
            WORKING_ON.set(label)
            reset = plain_health(self.scope)
            if reset is None:
                self.ledger = Ledger(label, made=made_at(self.scope))
                LEDGER.set(self.ledger)
                await self._through_quart(receive, send)
            else:
                await answer(send, to_plain(health(self.app.lab, reset=reset)))
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ignore, receive)
            await refuse(send, *refusal)
            nursery.cancel_scope.cancel()

    async def _through_quart(self, receive: Any, send: Any) -> None:
        try:
            await super().__call__(receive, send)
        finally:
            self.app.ledgers.keep(self.ledger)
            if not self.replied:  # cut off by the end of the server, or its client is not there to be told
                with trio.move_on_after(_LAST_WORDS, shield=True):
                    await refuse(send, 503, "The server is ending")

    async def handle_messages(self, nursery: trio.Nursery, request: Any, receive: Any) -> None:  # type: ignore[override]
        """What there is no room for stays in the socket, and its sender is told to wait."""

        async def receive_with_room() -> Any:
            await request.body.room()
            message = await receive()
            self.left = message["type"] == "http.disconnect"
            return message

        await super().handle_messages(nursery, request, receive_with_room)

    async def _send_response(self, send: Any, response: Any) -> None:
        self.replied = True
        sending = trio.current_time()
        if self.left:  # its work was done for nobody (Quart 0.23 raises then, and hypercorn logs it as a bug)
            self.ledger.close(sending)
            return
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _SEND_TIME) as scope:
            self.app.shields.add(scope)
            try:
                await super()._send_response(send, response)
            finally:
                self.app.shields.discard(scope)
                self.ledger.close(sending)


class LabLifespan(TrioASGILifespan):
    """Opens the lab around the app's own lifespan, in one task: what it opens it closes."""

    app: LabApp

    async def __call__(self, receive: Any, send: Any) -> None:
        try:
            config = self.app.lab_config or from_env()
            async with open_lab(config, listener=self.app.listener) as lab:
                self.app.lab = lab
                await super().__call__(receive, send)
        except* Exception as fault:
            # hypercorn serves on without a lifespan, every request a 500, unless it is told so in its own words.
            self.app.fault = fault
            self.app.lost.set()
            raise LifespanFailureError("the lab", str(LabLost(fault))) from fault
