"""The listening socket, below any HTTP server and any event loop."""

from __future__ import annotations

import errno
import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

from ..config import Config
from ..errors import UsageError
from ..rarely import Rarely

_log = logging.getLogger(__name__)

BACKLOG = 1024  # hypercorn's 100 overflows in a burst of connects, and the kernel then drops them silently
LAST_TURNS = 20
"""Turns of the loop between the last accepted connection and the end of idle ones. A request that had arrived is read within
six, and is then in flight."""
FIRST_BYTES = 0.5
"""Seconds in which a client that has connected sends its request, at the end of the server. Until then its connection is not
idle: a client whose connection is closed before any reply cannot know whether it may ask again."""


SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""The errors that say that the process or the machine has no descriptor, or no memory, left."""

LOST = frozenset(
    {
        errno.EPERM,
        errno.ECONNABORTED,
        errno.ECONNRESET,
        errno.EPROTO,
        errno.ENETDOWN,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.ENONET,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
        errno.ENETUNREACH,
        errno.ETIMEDOUT,
    }
)
"""The errors of `accept` that are about one connection: the network has lost it, or a firewall forbids it (accept(2))."""


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


def listen_beside(config: Config) -> socket.socket | None:
    """A socket for the process beside the server, None if the config wants none. Raises as `listen`."""
    if not config.live:
        return None
    port = config.live_port
    if port is None:
        port = config.port and config.port + 1
    return listen(replace(config, port=port))


def waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """The connections in the backlog of a non-blocking listener; no further ones when there is no descriptor for them.

    Closing a listener resets them, although their clients are connected and may have sent a request.
    """
    for _ in range(BACKLOG + 1):  # the kernel's backlog holds one more than it is told; a flood must not delay the stop
        try:
            accepted, _address = listener.accept()
        except OSError as error:
            if error.errno in LOST:
                continue
            return
        yield accepted


def ready_line(config: Config, url: str, live: str | None = None) -> str:
    """What a server says to the program that started it: where it serves, with how many threads and workers, and where it is
    seen ``live``."""
    shown: dict[str, object] = {} if live is None else {"live": live}
    if config.processes > 1:
        shown["processes"] = config.processes
    return json.dumps({"url": url, "threads": config.threads, "workers": config.workers, **shown})


def url_of(config: Config, listener: socket.socket) -> str:
    """The URL of a listener: the host as configured, and the port that was taken."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{listener.getsockname()[1]}"


class Shortage:
    """What a serving loop does when it has no descriptor, or no memory, for another connection: it waits a little.

    The connection stays in the backlog, so every attempt until something is free fails in the same way. It is logged once
    in a while, not at every attempt.
    """

    PAUSE = 0.1  # seconds until the next attempt

    def __init__(self) -> None:
        self._rarely = Rarely()

    def note(self, error: OSError) -> None:
        """Raises the error if it is about anything else."""
        if error.errno not in SHORTAGE:
            raise error
        if self._rarely.due(time.monotonic()):
            _log.error("connections cannot be accepted: %s; trying again", error.strerror)
