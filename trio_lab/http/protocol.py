"""HTTP/1.1 as both Python servers speak it: hypercorn's protocol, with some things done in another way.

Seen on hypercorn 0.18 with plain ASGI apps; none of it can be configured or reached from the app.

- **No upgrades.** ``Upgrade: h2c`` turned a connection into HTTP/2, whose streams wait without a bound for a window from
  the client; WebSockets were answered in text/html. A server may ignore an offer to upgrade (RFC 9110, 7.8).
- **Methods are case-sensitive** (RFC 9110, 9.1). hypercorn put them in capitals: the app replied to ``head`` as
  to HEAD, without the body that h11 then missed.
- **Errors have a body.** What h11 itself refuses got a bare status; here it gets the same JSON as everything else.
- **Head and body together.** Each went to the kernel on its own, and so did the empty end of a body. A head now waits for
  the first piece of its body, as ASGI wants it.
- **What follows the last request is not a request.** After ``Connection: close``, or in HTTP/1.0, the next byte was an
  error to h11, which replaced the reply. The connection asks `hears` and drops what comes, and asks `is_replying` before
  it closes.
- **100 Continue is sent when the app wants the body** (`WANTED` in the scope's state), not to every request that waits for
  it: one that is refused gets the refusal alone (RFC 9110, 10.1.1).
- **A connection is not closed after so many requests.** hypercorn's 1000 made every thousandth latency of a load test
  include a connect.
- **Ambiguous heads are refused** that h11 accepts: see `framing`.
"""

from __future__ import annotations

import http
from contextlib import suppress

import h11
import msgspec
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, Request, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.typing import ConnectionState, H11SendableEvent

from .callers import BEGINNING
from .framing import is_ambiguous, without_empty_lines
from .pool_job import IN_HAND, Held

WANTED = "trio_lab.wanted"
"""In the state of an ASGI scope, if its client waits for a 100 before it sends the body: an async function that sends it."""

_CLOSE = (b"connection", b"close")
_DEAF = (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)  # states of a client that can send no more requests


class LabProtocol(H11Protocol):
    """The protocol of one connection."""

    connection: h11.Connection  # hypercorn's other kind comes with an upgrade, and there is none
    _head = b""  # a response head that waits for the first piece of its body
    sent_ahead = b""
    """The beginning of the reply, if it was sent before the rest was known."""
    in_hand: Held | None = None
    """What became of the job of the next request, which was held (see `holding`)."""
    _over = False  # the connection is being closed

    @property
    def is_replying(self) -> bool:
        """A reply is on its way whose end will close the connection, or let the next request in."""
        return (
            self.stream is not None  # it is None when the end of the reply is what closes
            and self.connection.our_state in (h11.SEND_BODY, h11.DONE, h11.MUST_CLOSE)
        )

    @property
    def hears(self) -> bool:
        """What the client sends now is part of a request."""
        return not self._over and self.connection.their_state not in _DEAF

    @property
    def is_idle(self) -> bool:
        """The next byte is the first of a request."""
        return (
            self.stream is None
            and self.connection.our_state is self.connection.their_state is h11.IDLE
            and not self.connection.trailing_data[0]
        )

    async def handle(self, event: Event) -> None:
        if not isinstance(event, RawData):
            await super().handle(event)
        elif self.hears:
            self.connection.receive_data(event.data)
            await self._handle_events()

    async def begin_reply(self) -> None:
        """Send what every reply begins with, if nothing of this one was sent: a client that is gone resets the connection
        at the first byte."""
        if self.connection.our_state is h11.SEND_RESPONSE and not self.sent_ahead:
            self.sent_ahead = BEGINNING
            await self.send(RawData(data=BEGINNING))

    async def _handle_events(self) -> None:
        while self.hears:
            try:
                event = self._next_event()
            except h11.RemoteProtocolError as error:
                await self._refuse(error.error_status_hint)
                break
            if isinstance(event, h11.Request):
                await self.send(Updated(idle=False))
                await self._create_stream(event)
            elif event is h11.PAUSED:
                await self.can_read.clear()
                await self.can_read.wait()
            elif self.stream is None or event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                break
            elif isinstance(event, h11.Data):
                await self.stream.handle(Body(stream_id=STREAM_ID, data=event.data))
            elif isinstance(event, h11.EndOfMessage):
                await self.stream.handle(EndBody(stream_id=STREAM_ID))

    def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.connection.their_state is h11.IDLE:
            unread, ended = self.connection.trailing_data
            if unread.startswith(b"\r"):
                unread = without_empty_lines(unread)
                if unread == b"\r" and not ended:
                    return h11.NEED_DATA
                self._begin_anew(unread, ended)
            if is_ambiguous(unread):
                raise h11.RemoteProtocolError("the head can be read in two ways")
        return self.connection.next_event()

    def _begin_anew(self, unread: bytes, ended: bool) -> None:
        """h11 cannot be told to skip bytes. Between two requests a connection has no state to lose."""
        self.connection = h11.Connection(h11.SERVER, max_incomplete_event_size=self.config.h11_max_incomplete_size)
        if unread:
            self.connection.receive_data(unread)
        if ended:
            self.connection.receive_data(b"")

    async def end(self) -> None:
        """The last reply was sent."""
        self._over = True
        await self.send(Closed())

    async def _refuse(self, status: int) -> None:
        self._over = True
        if self.connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._send_error_response(status)
        await self.send(Closed())

    async def _create_stream(self, request: h11.Request) -> None:
        """Every request is plain HTTP, and its offer to upgrade is not even shown to the app."""
        self.stream = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        state = self.connection_state
        if self.in_hand is not None:
            state, self.in_hand = ConnectionState({**state, IN_HAND: self.in_hand}), None
        if self.connection.they_are_waiting_for_100_continue:
            state = ConnectionState({**state, WANTED: self._want_body})
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=[header for header in request.headers if header[0] != b"upgrade"],
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii"),
                raw_path=request.target,
                state=state,
            )
        )

    async def _want_body(self) -> None:
        if self.connection.they_are_waiting_for_100_continue and self.connection.our_state is h11.SEND_RESPONSE:
            headers = self.config.response_headers("h11")
            await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=headers))

    async def stream_send(self, event: StreamEvent) -> None:
        if not isinstance(event, Response):
            await super().stream_send(event)
            return
        headers = [*event.headers, *self.config.response_headers("h11")]
        if self._closes_after_reply and _CLOSE not in headers:
            headers.append(_CLOSE)
        await self._send_h11_event(h11.Response(headers=headers, status_code=event.status_code))

    @property
    def _closes_after_reply(self) -> bool:
        """The rest of a body would have to be read before the next request, or the server is ending."""
        return self.connection.their_state is h11.SEND_BODY or self.context.terminated.is_set()

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        try:
            data = self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR and not self._over:
                raise
            return
        data, self._head = self._head + data, b""
        if isinstance(event, h11.Response):
            self._head, self.sent_ahead = data.removeprefix(self.sent_ahead), b""
        elif data:
            await self.send(RawData(data=data))

    async def _send_error_response(self, status_code: int) -> None:
        body = msgspec.json.encode({"error": http.HTTPStatus(status_code).phrase})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            _CLOSE,
            *self.config.response_headers("h11"),
        ]
        reply = self.connection.send(h11.Response(status_code=status_code, headers=headers)) or b""
        with suppress(h11.LocalProtocolError):  # a reply to HEAD has no body; what comes next is the connection's end
            reply += self.connection.send(h11.Data(data=body)) or b""
        await self.send(RawData(data=reply))
        await self._close_stream()  # if the request had reached the app: no other reply will be sent

    async def _maybe_recycle(self) -> None:
        """A reply was sent. Read the next request, or close."""
        await self._close_stream()
        both_done = self.connection.our_state is self.connection.their_state is h11.DONE
        if both_done and not self.context.terminated.is_set():
            self.connection.start_next_cycle()
            await self.can_read.set()
            await self.send(Updated(idle=True))
        else:
            self._over = True
            await self.can_read.set()
            await self.send(Closed())
