"""A handful of slow calls in Trio's default limiter: who else stands in that queue without having asked to?

Varied: where the slow calls are (in the default limiter, in the native pool with its own, nowhere). Held fixed: four
threads in either place, 20 clients with calls of 200 ms, and what is timed beside them: name look-ups, file reads, the
replacing of a killed worker, /health. Trio's limiter has 40 threads; with four, twenty clients are enough to fill it.

16 calls wait for 4 threads, four rounds of calls, of which at least two remain for a look-up: over two calls. With the slow
calls elsewhere it must not wait for even one: under one call. What a call takes is measured in every round. A worker that
started through the same queue would take longer than a look-up, hence less than half of it. /health needs no thread: a tenth
of a call. The worker is killed on purpose, so its pool is left out when the queue that filled first is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import trio

from ...records.chart import Chart, Point
from ...records.examination import Step
from ...records.figures import Measures, check, measured, of_each
from ...records.health import Health
from ...records.load import LoadResult
from ...stage.launch import kill
from ...stage.loaded import Loaded
from ...stage.server import Server
from ...stage.stage import Stage
from ...stage.together import both
from ...stage.until import wait_until
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_POOLS = ("shared", "own", "alone")  # where the slow calls are, if there are any
_THREADS = 4  # of the default limiter and of the native pool
_CLIENTS = 20
_CALL_MS = 200
_RATE = 20  # look-ups, and reads, per second
_RESPAWNS = 1
_WORKER_TIME = 20.0  # seconds in which a worker must be there again
_BEFORE = 0.3  # seconds in which the slow calls fill their threads


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What others felt beside some load: name look-ups with /health, file reads, and the replacing of a worker."""

    lookups: Loaded
    reads: LoadResult
    respawns: list[float]

    @property
    def respawn(self) -> float:
        return median(self.respawns)

    def bars(self) -> list[tuple[str, float | None]]:
        return [
            ("name look-up", self.lookups.load.latency.p50 * 1e3),
            ("file read", self.reads.latency.p50 * 1e3),
            ("new worker", self.respawn * 1e3),
            ("/health", self.lookups.probe.latency.p50 * 1e3),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """By where the slow calls are. ``call`` is the seconds of one that finds a thread at once."""

    by_pool: Mapping[str, _Beside]
    call: float

    def __getitem__(self, pool: str) -> _Beside:
        return self.by_pool[pool]


_OF_EACH: Measures[_Beside] = {
    "lookup_{}_p50_ms": lambda beside: beside.lookups.load.latency.p50 * 1e3,
    "lookup_{}_p99_ms": lambda beside: beside.lookups.load.latency.p99 * 1e3,
    "read_{}_p50_ms": lambda beside: beside.reads.latency.p50 * 1e3,
    "read_{}_p99_ms": lambda beside: beside.reads.latency.p99 * 1e3,
    "health_{}_p50_ms": lambda beside: beside.lookups.probe.latency.p50 * 1e3,
    "health_{}_p99_ms": lambda beside: beside.lookups.health_p99_ms,
    "respawn_{}_ms": lambda beside: beside.respawn * 1e3,
    "respawn_{}_max_ms": lambda beside: max(beside.respawns) * 1e3,
}
_FIGURES: Measures[_Found] = {
    "call_ms": lambda found: found.call * 1e3,
    "lookup_shared_in_calls": lambda found: found["shared"].lookups.load.latency.p50 / found.call,
    "read_shared_in_calls": lambda found: found["shared"].reads.latency.p50 / found.call,
    "lookup_own_in_calls": lambda found: found["own"].lookups.load.latency.p99 / found.call,
    "read_own_in_calls": lambda found: found["own"].reads.latency.p99 / found.call,
    "respawn_per_lookup": lambda found: found["shared"].respawn / found["shared"].lookups.load.latency.p50,
    "health_in_calls": lambda found: found["shared"].lookups.probe.latency.p50 / found.call,
    "default_limiter_waiting": lambda found: max(
        (sample.queue("default_limiter").waiting or 0 for sample in found["shared"].lookups.samples), default=None
    ),
}


async def _respawn(server: Server) -> float:
    """Kill the only worker; seconds until a new one has done a job."""
    await wait_until(lambda: bool(server.workers()), limit=_WORKER_TIME)
    for worker in server.workers():
        kill(worker)

    async def served() -> bool:
        return (await server.fetch("/worker-hash?rounds=1")).status == 200

    return await wait_until(served, limit=_WORKER_TIME)


async def _beside(stage: Stage, server: Server, seconds: float) -> _Beside:
    respawns: list[float] = []

    async def respawn() -> None:
        for _ in range(_RESPAWNS):
            respawns.append(await _respawn(server))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(respawn)
        lookups, reads = await both(
            partial(stage.loaded, server, "/lookup", connections=50, rate=_RATE, duration=seconds, keep_samples=True),
            partial(stage.load, server.url + "/read", connections=50, rate=_RATE, duration=seconds),
        )
    return _Beside(lookups=lookups, reads=reads, respawns=respawns)


async def _beside_slow_calls(stage: Stage, server: Server, pool: str, seconds: float) -> _Beside:
    """The same beside slow calls in one of the two pools, which go on until the last look-up is answered."""
    url = f"{server.url}/wait?ms={_CALL_MS}&pool={pool}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(stage.load, url, connections=_CLIENTS, duration=600))
        await trio.sleep(_BEFORE)
        found = await _beside(stage, server, seconds)
        nursery.cancel_scope.cancel()
    return found


async def _collect(stage: Stage) -> Collected:
    seconds = stage.seconds(4, quick=1)
    server = await stage.kept("--default-threads", str(_THREADS), "--threads", str(_THREADS), "--workers", "1")
    turns = {
        "alone": partial(_beside, stage, server, seconds),
        "own": partial(_beside_slow_calls, stage, server, "own", seconds),
        "shared": partial(_beside_slow_calls, stage, server, "default", seconds),
    }
    call = (await server.fetch(f"/wait?ms={_CALL_MS}")).latency
    found = _Found(by_pool=await stage.once(turns), call=call)
    return Collected(
        figures=measured(_FIGURES, found) | measured(of_each(_POOLS, _OF_EACH), found.by_pool),
        charts=_charts(found),
        loads=[_slow_calls(found)],
    )


def _charts(found: _Found) -> tuple[Chart, ...]:
    alone, own, shared = (found[pool] for pool in ("alone", "own", "shared"))
    return (
        charts.bars(
            "Who waits behind the slow calls",
            ("what is asked for", "median time, ms"),
            [
                ("slow calls in the default limiter", shared.bars(), "bad"),
                ("slow calls in a pool of their own", own.bars(), "good"),
                ("no slow calls", alone.bars(), "neutral"),
            ],
            log_y=True,
            note=(
                f"{_CLIENTS} clients with calls of {_CALL_MS} ms, {_THREADS} threads. A new worker is started under a "
                "limiter of its own in all three."
            ),
        ),
        charts.chart(
            "Name look-ups over time",
            "point",
            ("seconds since the look-ups began", "time of a look-up, ms"),
            [
                ("slow calls in the default limiter", _points(shared), "bad"),
                ("slow calls in a pool of their own", _points(own), "good"),
            ],
            log_y=True,
            rules=[charts.rule(_CALL_MS, "one slow call")],
        ),
    )


def _finding(found: Reading) -> str:
    return f"""Behind slow calls of {_CALL_MS} ms in the default limiter a look-up of localhost took
        {found.said("lookup_shared_p50_ms", "ms")} and a file read {found.said("read_shared_p50_ms", "ms")} (medians). With
        the slow calls in a pool of their own it was {found.said("lookup_own_p50_ms", "ms")} and
        {found.said("read_own_p50_ms", "ms")}. A worker was replaced in {found.said("respawn_shared_ms", "ms")} and
        {found.said("respawn_own_ms", "ms")}."""


def _slow_calls(found: _Found) -> Step:
    """The slow calls as a load: what the queues held beside them, compared with the server without."""
    idle, step = found["alone"].lookups.step.sightings[0], found["shared"].lookups.step
    seen = [replace(idle, at=0.0), *(one for one in step.sightings if one.at > 0)]
    sightings = tuple(replace(one, health=_less(one.health)) for one in seen)
    return replace(step, rate=None, clients=_CLIENTS, sightings=sightings)


def _less(health: Health) -> Health:
    return replace(health, queues=tuple(queue for queue in health.queues if queue.name != "worker_pool"))


def _points(found: _Beside) -> list[Point]:
    return charts.in_ms(found.lookups.load.by_start())


EXPERIMENT = Experiment(
    name="shared-pool-coupling",
    title="A pool that everybody shares",
    order=10,
    expected_s=35,
    question="What else gets slow when slow calls fill the limiter that everything uses by default?",
    prediction=f"""{_CLIENTS} clients keep {_THREADS} threads and {_CLIENTS - _THREADS} places in the queue taken, so a
        name look-up or a file read first waits for {(_CLIENTS - _THREADS) // _THREADS} slow calls of {_CALL_MS} ms,
        though it needs a millisecond itself. With the slow calls under a limiter of their own it waits for none.
        Neither delays the start of a worker, which has its own limiter as well, nor /health, which needs no thread.""",
    figures=(*_FIGURES, *of_each(_POOLS, _OF_EACH)),
    checks=(
        check("name look-up behind slow calls, p50 ÷ one slow call", "lookup_shared_in_calls", ">", 2, "×"),
        check("file read behind slow calls, p50 ÷ one slow call", "read_shared_in_calls", ">", 2, "×"),
        check("name look-up, slow calls in their own pool, p99 ÷ one slow call", "lookup_own_in_calls", "<", 1, "×"),
        check("file read, slow calls in their own pool, p99 ÷ one slow call", "read_own_in_calls", "<", 1, "×"),
        check("replacing a worker ÷ a look-up behind the same slow calls", "respawn_per_lookup", "<", 0.5, "×"),
        check("/health behind slow calls, p50 ÷ one slow call", "health_in_calls", "<", 0.1, "×"),
    ),
    advice="""Whatever calls `trio.to_thread.run_sync` without naming a limiter shares one queue with file I/O, name
        look-ups and `trio.run_process`. Give each slow thing a `CapacityLimiter` (or an `open_native_pool`) of its own,
        and leave the default one to those short calls. A larger default limiter only moves the point at which they
        meet.

        The default limiter bounds no queue and has no timeout: its depth is `default_limiter` in `/health`.""",
    collect=_collect,
    finding=_finding,
)
