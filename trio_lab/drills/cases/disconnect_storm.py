"""Five times the capacity, and four of five clients leave after 100 ms: who is served, and how soon is a place free?

Two open workloads at once, at the stock settings and on the worker pool: four times the capacity from clients that leave after
100 ms, and once the capacity from clients that stay for a second. The stayers' fair share is the fifth of the capacity that is
their share of the requests; what they get beyond it is what the leavers could not use.

How soon a place is free is seen by one caller that comes, waits for a moment and closes its connection, again and again, with
a kind of job that no other caller has: the time is from its FIN until /health does not count it any more, the answer of
/health included. A worker that is killed shows as a process that was not there before: the hash is one call in C, which a
leaver's job cannot be interrupted in, so a pool that killed for every leaver would start processes all the time. The control is
the naive profile, which works on for clients that have left.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

import trio

from ...load.patience import Patience
from ...measure.percentile import percentile
from ...records.figures import Measures, check
from ...records.load import LoadResult
from ...stage.stage import Stage
from ...stage.until import until
from ..both import drill_of_both
from ..crowded import CONNECTIONS, INTERVAL, NAIVE, able, protected, unprotected
from ..raw import raw_client
from ..server import FaultyServer

_PATH, _QUEUE, _KIND = "/worker-hash", "worker_pool", "reports"
_OTHER = b"GET /fib?n=5&where=process HTTP/1.1\r\nHost: drill\r\n\r\n"
_LEAVE, _STAY = 0.1, 1.0  # seconds
_LEAVERS, _STAYERS = 4.0, 1.0  # loads, in units of the capacity
_FAIR = _STAYERS / (_LEAVERS + _STAYERS)
_WAITS, _LIMIT = 0.05, 2.0  # seconds that the single caller stays; that it is looked for


@dataclass(slots=True, kw_only=True)
class _Seen:
    """``freed``: seconds until each place was free. ``workers``: every process that there was."""

    freed: list[float] = field(default_factory=list)
    workers: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    capacity: float
    size: int
    stayers: LoadResult
    leavers: LoadResult
    seen: _Seen


_FIGURES: Measures[_Found] = {
    "capacity_per_s": lambda found: found.capacity,
    "stayers_share": lambda found: (found.stayers.goodput_in(_STAY) or 0.0) / (_FAIR * found.capacity),
    "places_timed": lambda found: len(found.seen.freed),
    "freed_p99_ms": lambda found: percentile(found.seen.freed, 0.99) * 1e3 if found.seen.freed else None,
    "kills_per_s": lambda found: (len(found.seen.workers) - found.size) / found.stayers.duration,
    "left": lambda found: found.leavers.requests.timed_out,
    "refused": lambda found: found.leavers.requests.shed + found.stayers.requests.shed,
}


async def _come_and_leave(server: FaultyServer, seen: _Seen) -> None:
    while True:
        async with raw_client(server.url) as client:
            await client.send(_OTHER)
            await trio.sleep(_WAITS)
            client.close()
            left = time.monotonic()
            if await until(partial(_gone, server), limit=_LIMIT, period=0) is not None:
                seen.freed.append(time.monotonic() - left)
        seen.workers.update(server.workers())


async def _gone(server: FaultyServer) -> bool:
    """Whether the pool holds no place for the single caller any more."""
    kinds = (await server.health()).queue(_QUEUE).kinds or ()
    found = next((kind for kind in kinds if kind.name == f"{_QUEUE}.{_KIND}"), None)
    if found is None:
        return True
    ended = (found.completions or 0) + (found.rejected or 0) + (found.timed_out or 0) + (found.cancelled or 0)
    return (found.arrivals or 0) == ended


async def _measure(stage: Stage, server: FaultyServer) -> _Found:
    capacity = await able(stage, server, _PATH)
    seconds = max(4.0, stage.seconds(60, quick=8))
    seen = _Seen(workers=set(server.workers()))
    found: dict[str, LoadResult] = {}

    async def come(name: str, load: float, patience: float) -> None:
        found[name] = await stage.load(
            server.url + _PATH,
            connections=CONNECTIONS,
            duration=seconds,
            rate=load * capacity,
            leave_after=Patience(seconds=(patience,)),
            interval=INTERVAL,
        )

    async with trio.open_nursery() as looking:
        looking.start_soon(_come_and_leave, server, seen)
        async with trio.open_nursery() as loads:
            loads.start_soon(come, "leavers", _LEAVERS, _LEAVE)
            loads.start_soon(come, "stayers", _STAYERS, _STAY)
        looking.cancel_scope.cancel()
    return _Found(capacity=capacity, size=server.size, seen=seen, **found)


DRILL = drill_of_both(
    name="disconnect-storm",
    number=10,
    gate=True,
    question="Four of five clients leave after 100 ms, at five times the capacity: are the others served?",
    figures=_FIGURES,
    checks=(
        check("p99 of the time until a place is free", "freed_p99_ms", "<=", 50, "ms"),
        check("goodput of the stayers ÷ their fair share", "stayers_share", ">=", 0.9, "×"),
        check("workers killed per second", "kills_per_s", "<=", 1.0),
    ),
    inject=protected(_FIGURES, _measure),
    control=unprotected(_FIGURES, _measure, *NAIVE),
    twin="works on for clients that have left",
)
