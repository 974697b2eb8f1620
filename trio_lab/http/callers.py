"""Tells when the client of a held request leaves, without reading from its connection.

Its end is watched for in an `EpollSet`, so nothing has to be read to find it behind a pipelined request.

A client that has sent its end may be closed, or may still want its reply. At the first byte of data a closed one answers
with a reset, so the beginning of the reply is sent (`BEGINNING`, the same for every reply), and a reset is waited for.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import SO_ERROR, SOL_SOCKET

from .connections import Socket
from .epoll_set import EpollSet

BEGINNING = b"HTTP/1.1 "
_GONE = select.EPOLLERR | select.EPOLLHUP  # always watched for


class Caller:
    """The client of one held request. ``send`` sends what it can at once; it returns the number of bytes, or
    raises `OSError`."""

    def __init__(self, connected: Socket, send: Callable[[bytes], int]) -> None:
        self._connected = connected
        self._send = send
        self.sent_ahead = b""
        """The beginning of the reply, if it was sent to find out whether the client is there."""

    @contextmanager
    def watched(self, sockets: EpollSet, leave: Callable[[], object]) -> Iterator[None]:
        """``leave`` is called once if the client leaves before the end of the block."""
        descriptor = self._connected.fileno()

        def told(events: int) -> None:
            if events & _GONE or not self._is_there():
                sockets.remove(descriptor)
                leave()
            else:
                sockets.change(descriptor, 0)

        sockets.add(descriptor, select.EPOLLRDHUP, told)
        try:
            yield
        finally:
            sockets.remove(descriptor)

    def _is_there(self) -> bool:
        """The client has sent its end. Whether it may still want its reply: a reset may also come later."""
        try:
            self.sent_ahead = BEGINNING[: self._send(BEGINNING)]
        except BlockingIOError:  # it has not read the replies before this one
            return True
        except OSError:
            return False
        return not is_reset(self._connected)


def is_reset(connected: Socket) -> bool:
    """The client has reset the connection, or it is closed."""
    try:
        return connected.getsockopt(SOL_SOCKET, SO_ERROR) != 0
    except OSError:
        return True
