"""HTTP/1.1 as both Python servers speak it: hypercorn's protocol, with four things done in another way.

Seen on hypercorn 0.18 with plain ASGI apps; none of it can be configured or reached from the app.

- **No upgrades.** ``Upgrade: h2c`` turned a connection into HTTP/2, whose streams wait without a bound for a window from
  the client; WebSockets were answered in text/html. A server may ignore an offer to upgrade (RFC 9110, 7.8).
- **Errors have a body.** What h11 itself refuses got a bare status; here it gets the same JSON as everything else.
- **Head and body together.** Each went to the kernel on its own, and so did the empty end of a body. A head now waits for
  the first piece of its body, as ASGI wants it.
- **A reply is not cut off by what follows its request.** After ``Connection: close`` the next pipelined request is a
  protocol error to h11, at which the reader closed the connection while the reply was on its way. The connection asks
  `is_replying` before it closes.
"""

from __future__ import annotations

import http
from contextlib import suppress

import h11
import msgspec
from hypercorn.events import RawData
from hypercorn.protocol.events import Request
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.typing import H11SendableEvent


class LabProtocol(H11Protocol):
    """The protocol of one connection."""

    connection: h11.Connection  # hypercorn's other kind comes with an upgrade, and there is none
    _head = b""  # a response head that waits for the first piece of its body

    @property
    def is_replying(self) -> bool:
        """A reply is on its way whose end will close the connection, or let the next request in."""
        return (
            self.stream is not None  # it is None when the end of the reply is what closes
            and self.connection.our_state in (h11.SEND_BODY, h11.DONE, h11.MUST_CLOSE)
        )

    async def _check_protocol(self, event: h11.Request) -> None:
        """Neither h2c nor HTTP/2 by prior knowledge: the app refuses a version that it does not know."""

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
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=[header for header in request.headers if header[0] != b"upgrade"],
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        try:
            data = self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return
        data, self._head = self._head + data, b""
        if isinstance(event, h11.Response):
            self._head = data
        elif data:
            await self.send(RawData(data=data))

    async def _send_error_response(self, status_code: int) -> None:
        body = msgspec.json.encode({"error": http.HTTPStatus(status_code).phrase})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            *self.config.response_headers("h11"),
        ]
        reply = self.connection.send(h11.Response(status_code=status_code, headers=headers)) or b""
        with suppress(h11.LocalProtocolError):  # a reply to HEAD has no body; what comes next is the connection's end
            reply += self.connection.send(h11.Data(data=body)) or b""
        await self.send(RawData(data=reply))
        await self._close_stream()  # if the request had reached the app: no other reply will be sent
