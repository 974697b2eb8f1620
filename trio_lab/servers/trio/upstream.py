"""What hypercorn 0.18 does on Trio that a server open to any client cannot live with, and what it does here instead.

Each of these was seen on a plain ASGI app as well; none can be configured or reached from the app. So methods of
hypercorn's classes are wrapped, when the first app is made and only then. A hypercorn that no longer has one of them is
an error at the start: a server that silently lost its protection would be worse.

- **A send that meets the closing of the same stream.** A client that sends half a request and leaves is answered with a
  400 while another task is in `send_eof`. Trio says `BusyResourceError`; hypercorn expects Broken and Closed only, so
  the error went through the nursery of all connections and ended the server. It means the same: nobody is there.
- **A reply that is cut off by what follows its request.** When a reply says ``Connection: close``, the next pipelined
  request is a protocol error to h11, and the reader closed the connection while the reply was on its way.
- **A fault in one connection** ended all of them in the same way. It is logged, and ends that connection.
- **A connection that outlives its client.** The task that closes idle connections was left to sleep its five seconds
  when the client had long gone, and the socket was kept for it.
- **Protocols nobody asked us to speak.** ``Upgrade: h2c`` turned a connection into HTTP/2, whose streams wait for a
  window from the client with no bound; WebSockets answered in text/html. A server may ignore an offer to upgrade (RFC
  9110, 7.8), and this one does.
- **Errors without a body.** What h11 itself refuses got a bare status; here it gets the same JSON as everything else.

What it does well but dearly is in `thrift`, and put in place here too.
"""

from __future__ import annotations

import functools
import http
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import h11
import msgspec
import trio
from hypercorn.events import Closed, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer

from . import thrift
from .thrift import IdleTime

Method = Callable[..., Awaitable[Any]]

_log = logging.getLogger(__name__)

_MARK = "stands_in_for_hypercorns"


def put_right() -> None:
    """Wrap what is named above; a second call changes nothing.

    Raises:
        RuntimeError: hypercorn's classes are not those that were read.
    """
    for owner, name, parameters, wraps in _REPLACED:
        method = vars(owner).get(name)
        if hasattr(method, _MARK):
            continue
        if not inspect.iscoroutinefunction(method) or [*inspect.signature(method).parameters] != parameters:
            raise RuntimeError(f"this hypercorn has no {owner.__name__}.{name}({', '.join(parameters)}) to put right")
        replacement: Method = method
        for wrap in wraps:
            replacement = functools.wraps(method)(wrap(replacement))
        setattr(replacement, _MARK, True)
        setattr(owner, name, replacement)


def _a_fault_ends_one_connection(original: Method) -> Method:
    async def run(self: TCPServer) -> None:
        try:
            await original(self)
        except* Exception as faults:
            _log.error("a connection ended by a fault", exc_info=faults)

    return run


def _replying(self: TCPServer) -> bool:
    protocol = self.protocol.protocol
    return (
        isinstance(protocol, H11Protocol)
        and protocol.stream is not None  # it is None when the end of the reply is what closes
        and protocol.connection.our_state in (h11.SEND_BODY, h11.DONE, h11.MUST_CLOSE)
    )


def _a_busy_stream_is_a_closed_one(original: Method) -> Method:
    async def protocol_send(self: TCPServer, event: Any) -> None:
        if isinstance(event, Closed) and _replying(self):
            return  # the reply ends with closing
        try:
            await original(self, event)
        except trio.BusyResourceError:
            await self.protocol.handle(Closed())

    return protocol_send


def _no_idling_after_the_end(original: Method) -> Method:
    async def _read_data(self: TCPServer) -> None:
        await original(self)
        cast(IdleTime, self.idle_task).end()

    return _read_data


def _one_protocol(_: Method) -> Method:
    async def _check_protocol(self: H11Protocol, event: h11.Request) -> None:
        """Neither h2c nor HTTP/2 by prior knowledge: the app refuses a version it does not know."""

    return _check_protocol


def _no_upgrade(original: Method) -> Method:
    async def _create_stream(self: H11Protocol, request: h11.Request) -> None:
        if any(name == b"upgrade" for name, _ in request.headers):
            request = h11.Request(
                method=request.method,
                target=request.target,
                headers=[(name, value) for name, value in request.headers if name != b"upgrade"],
                http_version=request.http_version,
            )
        await original(self, request)

    return _create_stream


def _errors_in_json(_: Method) -> Method:
    async def _send_error_response(self: H11Protocol, status_code: int) -> None:
        body = msgspec.json.encode({"error": http.HTTPStatus(status_code).phrase})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *self.config.response_headers("h11"),
        ]
        connection = cast(h11.Connection, self.connection)  # the other kind comes with an upgrade, and there is none
        reply = connection.send(h11.Response(status_code=status_code, headers=headers)) or b""
        with suppress(h11.LocalProtocolError):  # a reply to HEAD has no body; what comes next is the connection's end
            reply += connection.send(h11.Data(data=body)) or b""
        await self.send(RawData(data=reply))
        await self._close_stream()  # if the request had reached the app: no other reply will be sent

    return _send_error_response


# Class, method, its parameters as they were read, and what is wrapped around it, the innermost first.
_REPLACED: tuple[tuple[type, str, list[str], tuple[Callable[[Method], Method], ...]], ...] = (
    (TCPServer, "run", ["self"], (thrift.one_task_for_the_idle_time, _a_fault_ends_one_connection)),
    (
        TCPServer,
        "protocol_send",
        ["self", "event"],
        (thrift.no_waiting_for_a_free_lock, _a_busy_stream_is_a_closed_one),
    ),
    (TCPServer, "_read_data", ["self"], (_no_idling_after_the_end,)),
    (H11Protocol, "_check_protocol", ["self", "event"], (_one_protocol,)),
    (H11Protocol, "_create_stream", ["self", "request"], (_no_upgrade,)),
    (H11Protocol, "_send_error_response", ["self", "status_code"], (_errors_in_json,)),
    (H11Protocol, "_send_h11_event", ["self", "event"], (thrift.head_and_body_together,)),
    (
        TaskGroup,
        "spawn_app",
        ["self", "app", "config", "scope", "send"],
        (thrift.no_waiting_for_room_that_is_there, thrift.a_note_of_the_time),
    ),
)
