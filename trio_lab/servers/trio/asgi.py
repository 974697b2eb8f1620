"""The app between hypercorn and Quart-trio: the lab's lifetime, and requests that are answered to their end.

Three things are done in another way, all seen on hypercorn 0.18 with quart-trio 0.12 (see also `connection`). They
belong to the app and not to the connection, so they hold under hypercorn's own command too.

- quart-trio cancels a request's nursery as soon as the app is told that the exchange is over, which hypercorn does from
  inside the sending of the last event. So hypercorn's own end of the exchange (closing on ``Connection: close``, arming
  the keep-alive timer) was cancelled half way. The send is shielded, for a bounded time.
- A request that was cut off at the end of the grace period was answered by hypercorn, with a 500 without a body. It gets
  a 503 in JSON.
- h11 bounds a request's head only while it is incomplete, so a 20 KB line in one packet passes a 16 KB limit.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from functools import partial
from typing import Any

import trio
from quart import Request
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection, TrioASGILifespan

from ...asgi.unread import reply_unread
from ...config import Config
from ...http.answers import refuse
from ...http.app import LabApp
from ...http.exchange import Exchange
from ...http.protocol import WANTED
from ...records.queue import Queue
from ..admission import admit
from ..beside import shown_live
from .bodies import BodyMemory, LabBody
from .lab import TrioLab, open_lab
from .shields import Shields

_SEND_TIME = 30.0  # seconds, as a connection of ours has for each piece
_LAST_WORDS = 0.2  # seconds for telling a client that its request is cut off


class TrioExchange(Exchange, TrioASGIHTTPConnection):
    """One request."""

    app: TrioApp
    replied = False
    left = False
    _body: LabBody | None = None  # if the handler reads it

    async def through_quart(self, receive: Any, send: Any) -> None:
        try:
            await super().through_quart(receive, send)
        finally:
            if self._body is not None:
                self._body.close()
            if not self.replied and not self.left:  # cut off by the end of the server
                with trio.move_on_after(_LAST_WORDS, shield=True):
                    await refuse(send, 503, "The server is ending")

    def _create_request_from_scope(self, send: Any) -> Request:
        request = super()._create_request_from_scope(send)
        if self.scope["path"] in self.app.body_routes:
            want = (self.scope.get("state") or {}).get(WANTED)
            limit, length = self.max_body(), request.content_length
            request.body = self._body = LabBody(self.app.body_memory, limit=limit, length=length, want=want)  # type: ignore[assignment]
        return request

    async def refuse(self, receive: Any, send: Any, status: int, text: str) -> None:
        await reply_unread(self.scope, receive, partial(refuse, send, status, text))

    async def handle_messages(self, nursery: trio.Nursery, request: Any, receive: Any) -> None:  # type: ignore[override]
        """A body for which there is no room stays in the socket, and TCP tells its sender to wait."""

        async def receive_with_room() -> Any:
            if self._body is not None:
                await self._body.room()
            message = await receive()
            self.left = message["type"] == "http.disconnect"
            return message

        await super().handle_messages(nursery, request, receive_with_room)

    async def _send_response(self, send: Any, response: Any) -> None:
        self.replied = True
        if self.left:  # Quart 0.23 would raise, and hypercorn log it as a bug
            return
        with self.app.shields.shield(seconds=_SEND_TIME):
            await super()._send_response(send, response)


class TrioLifespan(TrioASGILifespan):
    """Opens the lab around the app's own lifespan, in one task: a nursery is closed by the task that opened it."""

    app: TrioApp

    async def __call__(self, receive: Any, send: Any) -> None:
        app = self.app
        try:
            config = app.lab_config()
            in_front = admit(app, config)
            async with (
                open_lab(
                    config,
                    listener=app.listener,
                    in_front=in_front,
                    queues=app.queues,
                    shields=app.shields,
                    one_of=app.one_of,
                ) as app.lab,
                shown_live(app, app.lab, config),
            ):
                await super().__call__(receive, send)
        except* Exception as fault:
            raise app.lose(fault) from fault


class TrioApp(LabApp, QuartTrio):
    """The lab's app on Trio."""

    asgi_http_class = TrioExchange
    asgi_lifespan_class = TrioLifespan
    runtime = TrioLab.runtime
    closed_error = trio.ClosedResourceError
    now = staticmethod(trio.current_time)
    lab: TrioLab

    def __init__(
        self, config: Config | None = None, *, listener: socket.socket | None = None, queues: Iterable[Queue] = ()
    ) -> None:
        super().__init__(config, listener=listener, queues=queues)
        self.shields = Shields()
        self.body_memory = BodyMemory()
