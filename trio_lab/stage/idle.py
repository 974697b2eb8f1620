"""Connections that are kept open and ask for nothing, like those of browsers and of connection pools.

They live in the lab's own process: an idle connection costs it a descriptor and delays nothing.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ..load.target import Target
from ..measure.descriptors import room_for

_AT_ONCE = 32  # connecting at a time: fewer than the backlog of any server here
_SPARE = 200  # descriptors for everything else in the process
_ASK = b"HEAD /health?reset=0 HTTP/1.1\r\nHost: idle\r\n\r\n"
_HEAD_END = b"\r\n\r\n"


def possible(wanted: int) -> int:
    """How many connections this process may hold, at most ``wanted``: the soft limit of descriptors is raised for them."""
    return max(0, min(wanted, room_for(wanted + _SPARE) - _SPARE))


class IdleConnections:
    """Connections to a server, each of which had one reply and was kept open."""

    def __init__(self) -> None:
        self.sockets: list[trio.socket.SocketType] = []

    def alive(self) -> int:
        """How many the server has not closed."""
        return sum(map(_is_open, self.sockets))

    async def open(self, address: tuple[str, int], count: int) -> None:
        for _ in range(count):
            connection = trio.socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
            self.sockets.append(connection)
            await connection.connect(address)
            await connection.send(_ASK)
            reply = b""
            while _HEAD_END not in reply:
                if not (data := await connection.recv(4096)):
                    raise ConnectionError(f"the server closed connection {len(self.sockets)}")
                reply += data


def _is_open(connection: trio.socket.SocketType) -> bool:
    borrowed = socket.socket(fileno=connection.fileno())
    try:
        return borrowed.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        borrowed.detach()


@asynccontextmanager
async def idle_connections(url: str, count: int) -> AsyncIterator[IdleConnections]:
    """So many idle connections to the server at ``url`` for the length of the block.

    Raises:
        OSError: the server does not take so many, or does not answer.
    """
    target, held = Target.parse(url), IdleConnections()
    try:
        async with trio.open_nursery() as nursery:
            for number in range(_AT_ONCE):
                nursery.start_soon(held.open, (target.host, target.port), len(range(number, count, _AT_ONCE)))
        yield held
    finally:
        for connection in held.sockets:
            connection.close()
