"""One client: a non-blocking socket and the request that it has under way.

The connection knows sockets and no schedule. What follows a reply or a failure is decided in `clients`; replies are read
by a reader of `replies`.
"""

from __future__ import annotations

import errno
import math
import os
import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NoReturn

from trio_lab.load.parts import Kind
from trio_lab.load.replies import ReplyReader
from trio_lab.load.tally import Tally
from trio_lab.load.target import SocketAddress

OUT_OF_PORTS = "out of local ports"


class State(Enum):
    CLOSED = auto()  # no socket
    CONNECTING = auto()
    IDLE = auto()  # connected, nothing asked
    SENDING = auto()  # a part of a request was sent, and there was no room for more
    WAITING = auto()  # a request was sent


def error_kind(error: OSError) -> str:
    """The name under which a failure is counted: few, and the same for the same cause."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: certificate verify failed: {error.verify_message.lower()}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'failed').lower().replace('_', ' ')}"
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
    request: bytes  # what it sends next, or is sending
    tally: Tally | Kind  # where that request is counted
    _new_reader: type[ReplyReader] = ReplyReader
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
    patience: float = math.inf  # how long a reply is waited for, from then on
    tries: int = 0  # how often this request was sent before, because it failed
    backoff: float = 0.0  # seconds to wait after the next failure to connect; 0 after a success
    check_at: float = math.inf  # when to look at it next if nothing happens

    def open(self, family: socket.AddressFamily, address: SocketAddress) -> None:
        """Begin to connect. Raise OSError when that fails at once; otherwise the socket becomes writable in time."""
        self.reused = False  # first, because the request of a reused connection that fails would be sent again
        self._socket = sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.fd = sock.fileno()
        if family is not socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = sock.connect_ex(address)
        if error not in (0, errno.EINPROGRESS):
            self.close()
            raise OSError(error, os.strerror(error))
        self._epoll.register(self.fd, select.EPOLLOUT)
        self.recv, self.send = sock.recv, sock.send
        self.reader = self._new_reader()
        self.state = State.CONNECTING

    def connected(self) -> bool:
        """The socket became ready while connecting: whether a request can be sent now. Raise OSError if it failed."""
        assert self._socket is not None
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
        self._epoll.modify(self.fd, select.EPOLLIN)
        self.state = State.IDLE
        return True

    def ended(self) -> bool:
        """The idle socket became readable: whether the connection is of no more use."""
        return True  # closed, or the server sends unasked

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
