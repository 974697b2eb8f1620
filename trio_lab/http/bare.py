"""A connection that has no protocol yet: a socket, and the bytes that have been read.

Under overload most connections never need a protocol: their clients leave while the request is held, or are refused.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from ..admission.reserved import RESERVED
from .connections import LiveConnections
from .door import Door
from .epoll_set import EpollSet
from .holding import Holder, Holding
from .pool_job import WAITED, Waited

_FULL_PAUSE = 0.01  # seconds until another attempt to send to a client that does not read
_ATTEMPTS = 200  # in two seconds, then it is cut off: this is a refusal, and there is nothing else to wait for

_log = logging.getLogger(__name__)


def refuse_at_once(connected: socket.socket, data: bytes, context: Any, holding: Holding | None) -> bool:
    """Whether ``data`` was one request for which its pool has no room: then it is refused here, and nothing is made for its
    connection."""
    if holding is None or context.terminated.is_set() or (held := holding.next_job(data)) is None:
        return False
    request, job = held
    if (
        request.closes
        or request.size != len(data)
        or (reply := holding.turn_away(request, job, connected, closes=False)) is None
    ):
        return False
    send_or_cut(connected, reply)
    return True


def send_or_cut(connected: socket.socket, reply: bytes) -> None:
    """Send a refusal, all of it now; or else the client has let many of them lie unread, and is cut off. If it is gone, the
    next read will find out."""
    with suppress(OSError):
        try:
            is_sent = connected.send(reply) == len(reply)
        except BlockingIOError:
            is_sent = False
        if not is_sent:
            connected.shutdown(socket.SHUT_RDWR)


class BareConnection(Holder):
    """Each event loop has a subclass. ``context`` is hypercorn's."""

    def __init__(
        self, connected: socket.socket, context: Any, live: LiveConnections, sockets: EpollSet, holding: Holding | None
    ) -> None:
        self._socket = connected
        self._live = live
        self.context = context
        self.sockets = sockets
        self.holding = holding

    async def serve(
        self,
        data: bytes,
        door: Door,
        speak: Callable[[BareConnection, bytes], Awaitable[None]],
        waited: Waited | None = None,
    ) -> None:
        """Refuse here what is refused while it is held. ``speak`` makes a protocol for the rest of ``data``; without a rest the
        connection goes back to the door. Without any data it has come from there because it could not be watched. If its
        first request has ``waited`` already, it has a place in its pool."""
        unwatched = not data
        if waited is not None:
            WAITED.set(waited)
            RESERVED.set(waited.reserved)
        try:
            with self._live.holding(self._socket):
                data = await self.answer_held(data)
        except BaseException as error:
            self._socket.close()
            if not isinstance(error, Exception):
                raise
            if not isinstance(error, ConnectionError):  # the client has left
                _log.error("a connection ended by a fault", exc_info=error)
        else:
            if data or self.is_last or unwatched:
                await speak(self, data)
            else:
                door.let_in(self._socket)

        finally:
            if waited is not None and waited.reserved is not None:
                waited.reserved.give_back()  # if the task has not used its place, another one gets it

    def socket(self) -> socket.socket:
        return self._socket

    def send_now(self, data: bytes) -> int:
        return self._socket.send(data)

    def send_or_cut(self, reply: bytes) -> None:
        send_or_cut(self._socket, reply)

    async def send(self, data: bytes) -> None:
        for _ in range(_ATTEMPTS):
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                await self.context.sleep(_FULL_PAUSE)
            except OSError:
                return
            if not data:
                return
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
