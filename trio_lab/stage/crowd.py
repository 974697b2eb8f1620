"""More clients than a server can serve, and how many it can serve: each measured at a server of its own.

A server that was overloaded has a queue, and has learned how long clients wait. A new one for each case makes the cases
independent of their order. Goodput is what came in time, within the duration: what comes after it is cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from ..load.patience import Patience
from ..records.load import LoadResult
from .server import Server
from .stage import Load, Stage

CLIENTS = 100
KINDS: Mapping[str, Patience] = {
    "0.3 s": Patience(seconds=(0.3,)),
    "1 s": Patience(seconds=(1.0,)),
    "3 s": Patience(seconds=(3.0,)),
    "mixed": Patience(seconds=(0.3, 1.0, 3.0)),
    "exponential": Patience(seconds=(1.0,), exponential=True),
}
"""How long clients wait: alike, of three kinds, and by chance with a mean of one second."""

FIFO = ("--discipline", "fifo", "--queue-timeout", "2")
"""What was the default: first come, first served, and a timeout that nobody chose for these clients."""


def fifo(runtime: str) -> tuple[str, ...]:
    """The flags of a server of this runtime that has this order. Node's pool has no other."""
    return () if runtime == "node" else FIFO


_FEW = 8  # clients that keep every pool of a case busy and do not leave
_INTERVAL = 0.1  # seconds to a row of the series
_FIRST = 0.4  # seconds of a capacity that do not count: the first job of each thread or worker is slower
_LEAST = 1.2  # seconds of a capacity at least, whatever the dose


async def crowd(stage: Stage, path: str, *flags: str, runtime: str | None = None, **load: Unpack[Load]) -> LoadResult:
    """A load on a new server that has answered one request."""
    async with stage.server(*flags, "--grace", "0.2", runtime=runtime) as server:
        await server.fetch(path)
        load.setdefault("interval", _INTERVAL)
        return await stage.load(server.url + path, **load)


async def capacity_of(stage: Stage, server: Server, path: str, *, seconds: float) -> float:
    """Replies per second that this server can give now: a closed workload of few clients, none of which leaves."""
    found = await stage.load(server.url + path, connections=_FEW, duration=max(seconds, _LEAST), interval=_INTERVAL)
    return found.goodput_in(_FIRST) or 0.0


async def capacity(stage: Stage, path: str, *flags: str, seconds: float, runtime: str | None = None) -> float:
    """The same of a new server.

    Raises:
        RuntimeError: it gave none.
    """
    async with stage.server(*flags, "--grace", "0.2", runtime=runtime) as server:
        await server.fetch(path)
        rate = await capacity_of(stage, server, path, seconds=seconds)
    if not rate:
        raise RuntimeError(f"{path} gave no reply in {seconds:g} s")
    return rate
