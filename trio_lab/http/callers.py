"""Finds out when the client of a held request leaves, without reading from its connection.

An `EpollSet` reports the client's end even if unread bytes come before it, so a pipelined request does not hide it. (The end
is hidden only if the kernel's buffers are full of unread bytes.)

A client that has sent its end may have closed the connection, or may still wait for its reply. To find out, the beginning of
the reply is sent, which is the same for every reply: a client that has closed answers with a reset.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from socket import SO_ERROR, SOL_SOCKET

from .connections import Socket
from .epoll_set import EpollSet

BEGINNING = b"HTTP/1.1 "
_GONE = select.EPOLLERR | select.EPOLLHUP  # always watched for


class Caller:
    """The client of one held request. ``send`` sends what can be sent at once, and returns the number of bytes or raises
    `OSError`."""

    __slots__ = ("_descriptor", "_leave", "_send", "_sockets", "connected", "sent_ahead")

    _sockets: EpollSet
    _leave: Callable[[], object]

    def __init__(self, connected: Socket, send: Callable[[bytes], int]) -> None:
        self.connected = connected
        self._descriptor = connected.fileno()
        self._send = send
        self.sent_ahead = b""
        """The beginning of the reply, if it was sent."""

    def watched(self, sockets: EpollSet, leave: Callable[[], object]) -> Caller:
        """For a ``with``: ``leave`` is called once if the client leaves before the end of the block."""
        self._sockets, self._leave = sockets, leave
        return self

    def __enter__(self) -> None:
        # Where the set is full, its end is noticed when the reply is sent.
        self._sockets.add(self._descriptor, select.EPOLLRDHUP, self._told)

    def __exit__(self, *_: object) -> None:
        self._sockets.remove(self._descriptor)

    def _told(self, events: int) -> None:
        if events & _GONE or not self._is_there():
            self._sockets.remove(self._descriptor)
            self._leave()
        else:
            self._sockets.change(self._descriptor, 0)

    def _is_there(self) -> bool:
        """The client has sent its end: whether it may still wait for its reply. (A reset may also come later.)"""
        if self.sent_ahead:
            return not is_reset(self.connected)
        try:
            self.sent_ahead = BEGINNING[: self._send(BEGINNING)]
        except BlockingIOError:  # it has not read the replies before this one
            return True
        except OSError:
            return False
        return not is_reset(self.connected)


def is_reset(connected: Socket) -> bool:
    """The client has reset the connection, or it is closed."""
    try:
        return connected.getsockopt(SOL_SOCKET, SO_ERROR) != 0
    except OSError:
        return True
