"""What hypercorn 0.18 does on asyncio that the contract does not allow, put right in two subclasses.

hypercorn makes its connections and protocols itself, from names that cannot be configured; so the subclasses take the
place of these two names when the first app is made. A hypercorn that no longer has them, or the methods that are
overridden, is an error at the start: a server that silently lost its protection would be worse.

- **A reply that is cut off by what follows its request.** When a reply says ``Connection: close``, the next pipelined
  request is a protocol error to h11, and the reader closed the connection while the reply was on its way.
- **A connection that outlives its client.** The task that closes idle connections slept its five seconds when the client
  had long gone, and the socket was kept for it.
- **A pipeline that nobody reads.** While a reply waits to be sent, the next request waits in the reader, and when the
  client was gone nothing woke it: the task stayed for ever, and every shutdown waited for it.
- **A fault in one connection** was reported by the loop, or ended the server in order when it came during the shutdown,
  with the pools left open. It is logged, and ends that connection.
- **Protocols nobody asked us to speak**: h2c and WebSockets. An offer to upgrade is ignored (RFC 9110, 7.8).
- **Errors without a body.** What h11 itself refuses got a bare status; here it gets the same JSON as everything else.
"""

from __future__ import annotations

import asyncio
import http
import inspect
import logging
from contextlib import suppress
from typing import Any, cast

import h11
import hypercorn.asyncio.run
import hypercorn.protocol
import msgspec
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import AsyncioSingleTask
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.typing import TaskGroup

_log = logging.getLogger(__name__)


class JsonProtocol(H11Protocol):
    """HTTP/1.1 and nothing else, with every error in JSON."""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Neither h2c nor HTTP/2 by prior knowledge: the app refuses a version it does not know."""

    async def _create_stream(self, request: h11.Request) -> None:
        if any(name == b"upgrade" for name, _ in request.headers):
            kept = [(name, value) for name, value in request.headers if name != b"upgrade"]
            request = h11.Request(
                method=request.method, target=request.target, headers=kept, http_version=request.http_version
            )
        await super()._create_stream(request)

    async def _send_error_response(self, status_code: int) -> None:
        body = msgspec.json.encode({"error": http.HTTPStatus(status_code).phrase})
        head = h11.Response(
            status_code=status_code,
            headers=[
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
                *self.config.response_headers("h11"),
            ],
        )
        connection = cast(h11.Connection, self.connection)  # the other kind comes with an upgrade, and there is none
        reply = connection.send(head) or b""
        with suppress(h11.LocalProtocolError):  # a reply to HEAD has no body
            reply += connection.send(h11.Data(data=body)) or b""
        await self.send(RawData(data=reply))
        await self._close_stream()  # had the request reached the app already: no other reply will be sent


class _NeverIdle(AsyncioSingleTask):
    """For a connection that nobody reads any more: a reply that is still on its way would start the idle time anew."""

    async def restart(self, task_group: TaskGroup, action: Any) -> None:
        pass


class Connection(TCPServer):
    """One client's connection, which ends with its client, by its own faults, and not before its reply."""

    async def run(self) -> None:
        try:
            await super().run()
        except* Exception as faults:
            _log.error("a connection ended by a fault", exc_info=faults)

    def _is_replying(self) -> bool:
        protocol = self.protocol.protocol
        return (
            isinstance(protocol, H11Protocol)
            and protocol.stream is not None  # it is None when the end of the reply is what closes
            and protocol.connection.our_state in (h11.SEND_BODY, h11.DONE, h11.MUST_CLOSE)
        )

    async def protocol_send(self, event: Event) -> None:
        if not (isinstance(event, Closed) and self._is_replying()):
            await super().protocol_send(event)

    async def _read_data(self) -> None:
        reading, lost = asyncio.create_task(super()._read_data()), asyncio.create_task(self._lost())
        try:
            await asyncio.wait((reading, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(reading, lost)
        if not reading.cancelled():
            reading.result()
        await self.protocol.handle(Closed())
        await self.idle_task.stop()
        self.idle_task = _NeverIdle()

    async def _lost(self) -> None:
        """Returns when the connection is no more. (Shielded: what a writer waits for is one future for all.)"""
        with suppress(ConnectionError):
            await asyncio.shield(self.writer.wait_closed())


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended: what hypercorn awaits while it closes swallows a cancel, and then goes on."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)


def put_right() -> None:
    """Let hypercorn make its connections and protocols of our classes; a second call changes nothing.

    Raises:
        RuntimeError: hypercorn's classes are not those that were read.
    """
    for ours, module, name, overridden in (
        (Connection, hypercorn.asyncio.run, "TCPServer", ("run", "protocol_send", "_read_data")),
        (
            JsonProtocol,
            hypercorn.protocol,
            "H11Protocol",
            ("_check_protocol", "_create_stream", "_send_error_response"),
        ),
    ):
        theirs: type = ours.__bases__[0]
        if getattr(module, name, None) not in (theirs, ours):
            raise RuntimeError(f"this hypercorn has no {module.__name__}.{name} to put right")
        for method in overridden:
            if not inspect.iscoroutinefunction(getattr(theirs, method, None)):
                raise RuntimeError(f"this hypercorn has no {theirs.__name__}.{method} to put right")
        setattr(module, name, ours)
