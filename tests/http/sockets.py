"""Both ends of a TCP connection in this process: what a client's closing does differs for other kinds of sockets."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's end, and the server's, which does not block."""
    with listening() as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            server.setblocking(False)
            yield client, server


def reset(connection: socket.socket) -> None:
    """Leave with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
