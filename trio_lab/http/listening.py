"""The listening socket and the connections that came through it, below any HTTP server and any event loop.

Standard library only: the servers of both Python runtimes stand on it.
"""

from __future__ import annotations

import os
import select
import socket
import stat
import sys

from ..config import Config
from ..errors import UsageError

BACKLOG = 1024  # hypercorn's 100 overflows in a burst of connects, and the kernel then drops them silently
KEEP_ALIVE_REQUESTS = 10**9  # hypercorn's 1000 makes every thousandth latency of a load test include a connect
HEAD_BUFFER = 262_144  # bytes h11 may buffer of a head: we answer what is too large ourselves, in JSON
LINGER = 0.5  # seconds after the grace period before connections are shut down


def listen(config: Config) -> socket.socket:
    """A socket that accepts connections at the config's address.

    Raises:
        UsageError: it cannot be had; the text says why.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
    except UnicodeError:
        raise UsageError(f"cannot listen on {config.host[:80]!r}: not a valid host name") from None
    except OSError as error:
        raise UsageError(f"cannot listen on {config.host}: {error.strerror or error}") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot listen on {config.host}:{config.port}: {error.strerror}") from None
    return listener


def url_of(config: Config, listener: socket.socket) -> str:
    """Where a client finds the listener: the host as it was configured, the port as it was taken."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{listener.getsockname()[1]}"


def shut_down_connections(port: int) -> None:
    """Shut down, in the kernel, every connected socket of this process whose local port is the server's.

    Every send that hangs on one of them ends with an error, whoever waits for it and however it is shielded.
    """
    try:
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return  # there is no descriptor left to look with; the caller comes again
    for descriptor in descriptors:
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            borrowed = socket.socket(fileno=descriptor)  # no descriptor of our own: nothing to close, whatever happens
        except OSError:
            continue  # gone meanwhile
        try:
            if borrowed.family in (socket.AF_INET, socket.AF_INET6) and borrowed.getsockname()[1] == port:
                borrowed.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # not connected, or gone
        finally:
            borrowed.detach()


def check_control() -> None:
    """Standard input must be something that can be waited for: a pipe, a socket or a terminal.

    Raises:
        UsageError: it is closed, or a file.
    """
    # A program that was started without one has None here, and its descriptor 0 is by now something else.
    if sys.stdin is None:
        raise UsageError("--control reads standard input, and it is closed")
    try:
        with select.epoll() as epoll:
            epoll.register(0, select.EPOLLIN)
    except OSError:
        raise UsageError("--control needs a pipe on standard input, not a file") from None


class Commands:
    """What comes through standard input under ``--control``, cut into lines: ``threads N`` or not understood."""

    def __init__(self) -> None:
        self._unread = b""

    def feed(self, data: bytes | bytearray) -> list[int | bytes]:
        """For each line that is complete now: the number of threads wanted, or the line when it says nothing we know."""
        *lines, self._unread = (self._unread + bytes(data)).split(b"\n")
        return [_command(line) for line in lines]


def _command(line: bytes) -> int | bytes:
    match line.split():
        case [b"threads", number] if number.isdigit() and 1 <= int(number) <= 1024:
            return int(number)
        case _:
            return line
