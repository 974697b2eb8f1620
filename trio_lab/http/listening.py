"""The listening socket, below any HTTP server and any event loop."""

from __future__ import annotations

import socket

from ..config import Config
from ..errors import UsageError

BACKLOG = 1024  # hypercorn's 100 overflows in a burst of connects, and the kernel then drops them silently


def listen(config: Config) -> socket.socket:
    """A socket that accepts connections at the config's address.

    Raises:
        UsageError: there can be no such socket; the text says why.
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
    """The URL of a listener: the host as configured, and the port that was taken."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{listener.getsockname()[1]}"
