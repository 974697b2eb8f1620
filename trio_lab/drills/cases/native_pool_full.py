"""All threads are taken for two seconds: those of the lab's native pool, and those of Trio's own limiter.

Over HTTP, several rounds at one server. Meanwhile a worker is killed, and its successor must not wait for a thread: half
a second, a quarter of the time for which threads are missing. /health needs no thread and must answer as soon. A name
look-up does have to wait, else the threads were not full, and the server must name it as what waits for the shared threads.

The control starts a process as Trio does it, through a thread of the shared limiter, and times that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import trio

from ...records.figures import Figures, check
from ...stage.launch import kill
from ...stage.stage import Stage
from ...stage.until import wait_until
from ..inside import SharedThreads
from ..model import Drill
from ..server import FaultyServer, faulty_server

_THREADS = 4
_MS = 2000


async def _full(server: FaultyServer, nursery: trio.Nursery) -> None:
    """Returns when no thread is free in either place."""
    nursery.start_soon(server.fault, "fill-threads", _THREADS, _MS)
    for _ in range(_THREADS):
        nursery.start_soon(server.get, f"/wait?ms={_MS}")
    await wait_until(partial(_is_full, server), limit=5)


async def _shared(server: FaultyServer) -> SharedThreads:
    found = (await server.inside()).shared_threads
    assert found is not None  # a Trio server has them
    return found


async def _is_full(server: FaultyServer) -> bool:
    shared = await _shared(server)
    native = (await server.health()).queue("native_pool")
    return shared.in_service >= _THREADS and (native.in_service or 0) >= _THREADS


async def _watch_health(server: FaultyServer, slowest: list[float]) -> None:
    while True:
        begun = time.monotonic()
        await server.health()
        slowest.append(time.monotonic() - begun)
        await trio.sleep(0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Seconds; ``named``: the server named the look-up as what waits for its shared threads."""

    worker_start: float
    health: float
    look_up: float
    named: bool


async def _round(server: FaultyServer) -> _Round:
    slowest: list[float] = []
    looked_up: list[float] = []
    async with trio.open_nursery() as nursery:
        await _full(server, nursery)

        async def look_up() -> None:
            looked_up.append((await server.get("/fault/look-up"))["seconds"])

        async with trio.open_nursery() as watching:
            watching.start_soon(_watch_health, server, slowest)
            nursery.start_soon(look_up)
            await server.get("/worker-hash?rounds=1")  # a worker that has not done a job yet is replaced more slowly
            pid = server.workers()[0]
            kill(pid)
            start = await server.until_whole({pid})
            threads = await _shared(server)
            await trio.sleep(0.3)
            watching.cancel_scope.cancel()
    named = threads.victims.get("DNS", 0) == threads.waiting == 1
    return _Round(worker_start=start, health=max(slowest), look_up=looked_up[0], named=named)


async def _inject(stage: Stage) -> Figures:
    async with faulty_server("--threads", str(_THREADS)) as server:
        rounds = [await _round(server) for _ in range(stage.count(5, quick=2))]
        aftermath = await server.aftermath()
    return {
        "rounds": len(rounds),
        "worker_start_max_s": max(one.worker_start for one in rounds),
        "health_max_s": max(one.health for one in rounds),
        "look_up_max_s": max(one.look_up for one in rounds),
        "victim_not_named": sum(not one.named for one in rounds),
        **aftermath,
    }


async def _control(stage: Stage) -> Figures:
    async with faulty_server("--threads", str(_THREADS)) as server, trio.open_nursery() as nursery:
        await _full(server, nursery)
        started = (await server.get("/fault/start-plainly"))["seconds"]
    return {"worker_start_max_s": started}


DRILL = Drill(
    name="native-pool-full",
    number=23,
    gate=False,
    question="No thread is free for two seconds: can a worker start, does /health answer, and is what waits named?",
    figures=("rounds", "worker_start_max_s", "health_max_s", "look_up_max_s", "victim_not_named"),
    checks=(
        check("longest start of a worker", "worker_start_max_s", "<=", 0.5, "s"),
        check("slowest /health meanwhile", "health_max_s", "<=", 0.5, "s"),
        check("rounds in which DNS was not named", "victim_not_named", "<=", 0),
        check("the look-up did have to wait", "look_up_max_s", ">", 0.5, "s"),
    ),
    inject=_inject,
    control=_control,
    twin="a process started through the shared threads",
)
