"""One client: a non-blocking socket and the reply that is being read from it.

The reader of replies knows HTTP and no sockets; the connection knows sockets and no schedule. What follows a reply or a
failure is decided in `clients`.
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NoReturn

import httptools

from trio_lab.load.target import SocketAddress

_LONGEST_HEAD = 1 << 16  # more is malformed: a server that never ends its headers must not fill our memory

OUT_OF_PORTS = "out of local ports"


class BadReply(Exception):
    """The connection failed its request; the text is the kind of the error."""


class State(Enum):
    CLOSED = auto()  # no socket
    CONNECTING = auto()
    IDLE = auto()  # connected, nothing asked
    SENDING = auto()  # a part of a request was sent, and there was no room for more
    WAITING = auto()  # a request was sent


class ReplyReader:
    """Reads the replies of one connection, one at a time, in whatever pieces they come. Bodies are not kept.

    No ``on_header``: it alone would double the cost of a reply (0.8 µs more for five headers). The one question it
    would answer, whether a body lasts until the end of the stream, is answered from the head when the stream ends.
    """

    __slots__ = ("_head", "_headers_seen", "_parser", "_surplus", "_whole", "keep_alive", "midway", "status")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.keep_alive = True
        self.midway = False  # a part of a reply was read
        self._reset()

    def _reset(self) -> None:
        self._head = b""
        self._headers_seen = self._whole = self._surplus = False

    def feed(self, data: bytes) -> int:
        """The status when the reply is whole, else 0. Raise `BadReply` when it is not HTTP.

        What follows a whole reply unasked does not spoil it, but the connection is not to be used again.
        """
        in_head = not self._headers_seen
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._whole:
                raise BadReply("malformed reply") from None
            self._surplus = True
        if self._whole:
            return self._finish()
        self.midway = True
        if in_head:
            self._head += data
            if not self._headers_seen and len(self._head) > _LONGEST_HEAD:
                raise BadReply("malformed reply")
        return 0

    def end(self) -> int:
        """The stream has ended: the status if the reply was to end so, else raise `BadReply`."""
        heads = self._head.lower().split(b"\r\n\r\n")
        head = next((head for head in heads if not head.startswith(b"http/1.1 1")), b"")
        framed = b"\ncontent-length:" in head or b"\ntransfer-encoding:" in head
        if not self._headers_seen or framed:
            raise BadReply("closed within a reply" if self.midway else "closed without a reply")
        self.status = self._parser.get_status_code()
        self._surplus = True
        return self._finish()

    def _finish(self) -> int:
        self.keep_alive = self.keep_alive and not self._surplus
        self.midway = False
        self._reset()
        return self.status

    # Called by the parser.

    def on_message_begin(self) -> None:
        if self._whole:
            self._surplus = True

    def on_headers_complete(self) -> None:
        # 1xx is not the reply: that follows it.
        self._headers_seen = self._parser.get_status_code() >= 200

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and not self._whole:
            self._whole = True
            self.status = status
            self.keep_alive = self._parser.should_keep_alive()


def error_kind(error: OSError) -> str:
    """The name under which a failure is counted: few, and the same for the same cause."""
    if error.errno == errno.EADDRNOTAVAIL:
        return OUT_OF_PORTS
    return os.strerror(error.errno).lower() if error.errno else str(error)


_NO_REST = memoryview(b"")


def _nothing(_: object) -> NoReturn:
    raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))


@dataclass(slots=True, eq=False, repr=False)
class Connection:
    """One client of the load, and its times. ``recv`` and ``send`` are the socket's own methods."""

    index: int
    _epoll: select.epoll
    _socket: socket.socket | None = None
    fd: int = -1
    state: State = State.CLOSED
    reader: ReplyReader = field(default_factory=ReplyReader)
    recv: Callable[[int], bytes] = _nothing
    send: Callable[[bytes | memoryview], int] = _nothing
    rest: memoryview = _NO_REST  # what is still to be sent of a request
    busy: bool = False  # a client waits for a reply, whether or not the request was sent
    intended: float = 0.0  # when the request was meant to go
    sent_at: float = 0.0  # when it went
    reused: bool = False  # it was idle, or has replied once: the server may close it at any time
    backoff: float = 0.0  # seconds to wait after the next failure to connect; 0 after a success
    check_at: float = math.inf  # when to look at it next if nothing happens

    def open(self, family: socket.AddressFamily, address: SocketAddress) -> None:
        """Begin to connect. Raise OSError when that fails at once; otherwise the socket becomes writable in time."""
        self.reused = False  # first, because the request of a reused connection that fails would be sent again
        self._socket = sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.fd = sock.fileno()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = sock.connect_ex(address)
        if error not in (0, errno.EINPROGRESS):
            self.close()
            raise OSError(error, os.strerror(error))
        self._epoll.register(self.fd, select.EPOLLOUT)
        self.recv, self.send = sock.recv, sock.send
        self.reader = ReplyReader()
        self.state = State.CONNECTING

    def connected(self) -> None:
        """The socket became writable: raise OSError if it is because connecting failed."""
        assert self._socket is not None
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        self._epoll.modify(self.fd, select.EPOLLIN)
        self.state = State.IDLE

    def wait_for_room(self, rest: memoryview) -> None:
        """A part of a request was sent; `send_on` sends the ``rest`` when the socket is writable."""
        self.rest = rest
        self.state = State.SENDING
        self._epoll.modify(self.fd, select.EPOLLIN | select.EPOLLOUT)  # a server may reply, and refuse, before the end

    def send_on(self) -> None:
        """Send as much as the socket takes; when that is all, wait for a reply. Raises OSError."""
        self.rest = self.rest[self.send(self.rest) :]
        if not self.rest:
            self.state = State.WAITING
            self._epoll.modify(self.fd, select.EPOLLIN)

    def close(self) -> None:
        """Close without a word. That removes the socket from the epoll as well."""
        self.state = State.CLOSED
        self.rest = _NO_REST
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self.fd = -1
            self.recv = self.send = _nothing

    def __repr__(self) -> str:
        return f"<Connection {self.index} {self.state.name.lower()}{', busy' if self.busy else ''}>"
