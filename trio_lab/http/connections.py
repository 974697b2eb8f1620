"""What both servers' connections share: hypercorn's settings, the addresses of both ends, and the set of live ones."""

from __future__ import annotations

import socket
from contextlib import AbstractContextManager, suppress
from time import time
from typing import Any, Protocol

import hypercorn.config
from hypercorn.utils import parse_socket_addr

from ..config import Config

LINGER = 0.5  # seconds after the grace period before connections are shut down
_HEAD_BUFFER = 262_144  # bytes h11 may buffer of a head: the app refuses what is too large itself, in JSON

Address = tuple[str, int] | None


class Socket(Protocol):
    """What is needed of a socket; Trio's sockets and asyncio's have it."""

    @property
    def family(self) -> int: ...
    def fileno(self) -> int: ...
    def getpeername(self) -> Any: ...
    def getsockname(self) -> Any: ...
    def getsockopt(self, level: int, option: int, /) -> int: ...
    def shutdown(self, how: int, /) -> None: ...


class Settings(hypercorn.config.Config):
    """What hypercorn's classes are told of a lab's config. Its Date header is made once a second, not once a reply."""

    _made = -1
    _made_headers: list[tuple[bytes, bytes]]

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.graceful_timeout = config.grace
        self.keep_alive_timeout = config.keep_alive
        self.h11_max_incomplete_size = _HEAD_BUFFER
        self.loglevel = "WARNING"

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        if (now := int(time())) != self._made:
            self._made, self._made_headers = now, super().response_headers(protocol)
        return self._made_headers


def addresses(connected: Socket) -> tuple[Address, Address]:
    """The client's and the server's. Raises `OSError` when the client is gone already."""
    family = connected.family
    return parse_socket_addr(family, connected.getpeername()), parse_socket_addr(family, connected.getsockname())


def client_address(connected: Socket) -> Address:
    """None when the client is gone already."""
    try:
        return parse_socket_addr(connected.family, connected.getpeername())
    except OSError:
        return None


class _Holding:
    """No generator: every request under overload has one of these."""

    __slots__ = ("_connected", "_sockets")

    def __init__(self, sockets: set[Socket], connected: Socket) -> None:
        self._sockets = sockets
        self._connected = connected

    def __enter__(self) -> None:
        self._sockets.add(self._connected)

    def __exit__(self, *_: object) -> None:
        self._sockets.remove(self._connected)


class LiveConnections:
    """The sockets of all connections that a server has open."""

    def __init__(self) -> None:
        self._sockets: set[Socket] = set()

    def __len__(self) -> int:
        return len(self._sockets)

    def holding(self, connected: Socket) -> AbstractContextManager[None]:
        """For the length of the block the socket is one of them."""
        return _Holding(self._sockets, connected)

    def add(self, connected: Socket) -> None:
        self._sockets.add(connected)

    def discard(self, connected: Socket) -> None:
        self._sockets.discard(connected)

    def shut_down(self) -> None:
        """Shut them all down in the kernel. A send that hangs on one ends with an error, however it is shielded."""
        for connected in self._sockets:
            with suppress(OSError):  # the client has closed it, or never finished connecting
                connected.shutdown(socket.SHUT_RDWR)
