"""A server under more load than it can serve, watched from outside: its queue, its memory, and what a single caller sees."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import trio

from ..load.client import Reply
from ..measure.process import resident_bytes
from ..records.load import LoadResult
from ..stage.stage import Load, Stage
from .server import FaultyServer

FLAGS = ("--grace", "0.2")
NAIVE = ("--profile", "naive", *FLAGS)
CONNECTIONS = 1000  # more than can be in flight
INTERVAL = 0.1  # seconds to a row of the series
_FULL = "full"  # what a refusal at entry says of the queue
_LOOK = 0.1  # seconds between two looks
_PATIENCE = 1.0  # of the single caller


@dataclass(slots=True, kw_only=True)
class Watched:
    """What was seen while a load ran. ``bound``: callers that may wait, if there is one. ``refusals``: seconds until each
    refusal at entry."""

    looks: int = 0
    most_waiting: int = 0
    bound: int | None = None
    most_memory: int = 0
    refusals: list[float] = field(default_factory=list)

    def over_bound(self) -> int | None:
        """Callers that waited although no more might; all that waited where there is no bound. None if nobody looked."""
        return max(0, self.most_waiting - (self.bound or 0)) if self.looks else None


async def able(stage: Stage, server: FaultyServer, path: str) -> float:
    """Replies per second that the server can give to clients who do not leave."""
    await server.fetch(path)
    seconds = max(1.5, stage.seconds(4, quick=2))
    found = await stage.load(server.url + path, connections=8, duration=seconds, interval=INTERVAL)
    return found.goodput_in(0.4) or 0.0


async def crowded(stage: Stage, server: FaultyServer, path: str, queue: str, load: Load) -> tuple[LoadResult, Watched]:
    """The load, and what was seen of the server meanwhile."""
    seen = Watched()
    async with trio.open_nursery() as watching:
        watching.start_soon(_again, partial(_look, server, queue, seen))
        watching.start_soon(_again, partial(_ask, server, path, seen))
        load.setdefault("interval", INTERVAL)
        found = await stage.load(server.url + path, **load)
        watching.cancel_scope.cancel()
    return found, seen


async def _again(look: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(OSError, trio.TooSlowError):  # it is overloaded; the load's own figures show by how much
            await look()
        await trio.sleep(_LOOK)


async def _look(server: FaultyServer, queue: str, seen: Watched) -> None:
    seen.most_memory = max(seen.most_memory, resident_bytes(server.pid) or 0)
    found = (await server.health()).queue(queue)
    seen.looks += 1
    seen.bound = found.max_waiting
    seen.most_waiting = max(seen.most_waiting, found.peak_waiting or 0)


async def _ask(server: FaultyServer, path: str, seen: Watched) -> None:
    """One more caller, whose refusals are read."""
    began = time.monotonic()
    reply: Reply = await server.fetch(path, timeout=_PATIENCE)
    if reply.status == 503 and _FULL in reply.body.decode(errors="replace"):
        seen.refusals.append(time.monotonic() - began)
