"""The end of a server under drill: how long it took, what it left behind, and whether another can take its place."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import dataclass

import trio

from ..measure.process import lives
from ..stage.launch import kill
from .server import FaultyServer, faulty_server


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Times by the monotonic clock. ``code`` is None when the server had to be killed."""

    signalled: float
    ended: float
    code: int | None
    workers_left: int
    port_free: bool


def terminate(server: FaultyServer, *, group: bool = False) -> float:
    """SIGTERM to the server, or to its whole process group; returns when, by the monotonic clock."""
    at = time.monotonic()
    (os.killpg if group else os.kill)(server.pid, signal.SIGTERM)
    return at


async def ending(server: FaultyServer, signalled: float, workers: list[int], *, limit: float) -> Ending:
    """Wait for the server's end for at most ``limit`` seconds, then kill it. ``workers`` are those it had before."""
    with trio.move_on_after(limit):
        await server.child.process.wait()
    ended, code = time.monotonic(), server.child.process.returncode
    if code is None:
        server.child.kill()
        await server.child.process.wait()
    return Ending(
        signalled=signalled,
        ended=ended,
        code=code,
        workers_left=sum(kill(pid) for pid in workers if lives(pid)),
        port_free=_is_free(server.port),
    )


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError:
            return False
    return True


async def successors_aftermath(server: FaultyServer, *flags: str, runtime: str) -> dict[str, float | None]:
    """The aftermath of a server that has ended: a new one on its port, compared with what the first held at its start."""
    async with faulty_server(*flags, port=server.port, workers=server.size, runtime=runtime) as again:
        again.before = server.before
        return await again.aftermath()
