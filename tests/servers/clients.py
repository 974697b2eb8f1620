"""Clients of a server that is to end: they ask for something slow, do not read, or find that it listens no more."""

from __future__ import annotations

import socket
from contextlib import suppress

from tests.running import Running
from tests.waiting import until

REQUEST = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
_PATIENCE = 30  # seconds
POOLS = ("native_pool", "worker_pool", "default_limiter")


def ask(server: Running, target: bytes) -> socket.socket:
    connection = socket.create_connection(server.address, timeout=_PATIENCE)
    connection.sendall(REQUEST % target)
    return connection


def until_busy(server: Running, jobs: int) -> None:
    """Until so many run."""
    until(lambda: sum(queue["in_service"] for name, queue in server.queues().items() if name in POOLS) >= jobs)


def accepts(server: Running) -> bool:
    try:
        socket.create_connection(server.address).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it stopped to listen while we connected
        return False
    return True


def never_reading(server: Running) -> socket.socket:
    """A client for whom the server no longer reads, because it can no longer send."""
    connection = socket.create_connection(server.address)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    with suppress(BlockingIOError):
        while connection.send(REQUEST % b"/health?reset=0" * 500):
            pass
    return connection
