"""A handful of slow calls in Trio's default limiter: who else stands in that queue without having asked to?"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import trio

from ...diagnose.first_full import first_full
from ...measure.process import children
from ...records.check import Check
from ...records.health import Health
from ...stage.stage import Loaded, Server, Stage
from .. import charts
from ..model import Collected, Experiment

_POOLS = ("shared", "own", "alone")  # where the slow calls are, if there are any
_THREADS = 4  # of the default limiter and of the native pool: Trio has 40, which more clients would fill as well
_CLIENTS = 20
_CALL_MS = 500
_RATE = 5  # look-ups, and reads, per second
_RESPAWNS = 3
_WORKER_TIME = 20.0  # seconds in which a worker must be there again
_BEFORE = 1.0  # seconds in which the slow calls fill their threads


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What others felt beside some load: name look-ups with /health, file reads, and the replacing of a worker."""

    lookups: Loaded
    reads: dict[str, Any]
    respawn_s: list[float]

    def figures(self, name: str) -> dict[str, float | None]:
        return {
            f"lookup_{name}_p50_ms": self.lookups.load["latency_ms"]["p50"],
            f"lookup_{name}_p99_ms": self.lookups.load["latency_ms"]["p99"],
            f"read_{name}_p50_ms": self.reads["latency_ms"]["p50"],
            f"read_{name}_p99_ms": self.reads["latency_ms"]["p99"],
            f"health_{name}_p50_ms": self.lookups.probe["latency_ms"]["p50"],
            f"health_{name}_p99_ms": self.lookups.health_p99_ms,
            f"respawn_{name}_ms": median(self.respawn_s) * 1e3,
            f"respawn_{name}_max_ms": max(self.respawn_s) * 1e3,
        }

    def bars(self) -> list[tuple[str, float | None]]:
        return [
            ("name look-up", self.lookups.load["latency_ms"]["p50"]),
            ("file read", self.reads["latency_ms"]["p50"]),
            ("new worker", median(self.respawn_s) * 1e3),
            ("/health", self.lookups.probe["latency_ms"]["p50"]),
        ]


async def _respawn(server: Server) -> float:
    """Kill the only worker; seconds until a new one has done a job."""
    with trio.fail_after(_WORKER_TIME):
        while not (workers := children(server.process.pid)):  # noqa: ASYNC110  (another process: no Event)
            await trio.sleep(0.01)
        begun = trio.current_time()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        while "workerDurationMs" not in await server.get("/worker-hash?rounds=1"):  # noqa: ASYNC110  (as above)
            await trio.sleep(0.01)
    return trio.current_time() - begun


async def _beside(stage: Stage, server: Server, seconds: float) -> _Beside:
    found: dict[str, Any] = {}
    respawns: list[float] = []

    async def look_up() -> None:
        found["lookups"] = await stage.loaded(
            server, "/lookup", connections=50, rate=_RATE, duration=seconds, samples=True
        )

    async def read() -> None:
        found["reads"] = await stage.load(server.url + "/read", connections=50, rate=_RATE, duration=seconds)

    async def respawn() -> None:
        for _ in range(_RESPAWNS):
            respawns.append(await _respawn(server))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look_up)
        nursery.start_soon(read)
        nursery.start_soon(respawn)
    return _Beside(respawn_s=respawns, **found)


async def _beside_slow_calls(stage: Stage, server: Server, pool: str, seconds: float) -> _Beside:
    """The same beside slow calls in one of the two pools, which go on until the last look-up is answered."""
    path = f"/wait?ms={_CALL_MS}&pool={pool}"

    async def slow_calls() -> None:
        await stage.load(server.url + path, connections=_CLIENTS, duration=600)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow_calls)
        await trio.sleep(_BEFORE)
        found = await _beside(stage, server, seconds)
        nursery.cancel_scope.cancel()
    return found


async def _collect(stage: Stage) -> Collected:
    seconds = stage.seconds(10, quick=3)
    flags = ("--default-threads", str(_THREADS), "--threads", str(_THREADS), "--workers", "1")
    async with stage.server(*flags) as server:
        alone = await _beside(stage, server, stage.seconds(5, quick=2))
        own = await _beside_slow_calls(stage, server, "own", seconds)
        shared = await _beside_slow_calls(stage, server, "default", seconds)
    waiting = [sample.queue("default_limiter").waiting or 0 for sample in shared.lookups.samples]
    figures = shared.figures("shared") | own.figures("own") | alone.figures("alone")
    figures["respawn_per_lookup"] = median(shared.respawn_s) * 1e3 / shared.lookups.load["latency_ms"]["p50"]
    figures["default_limiter_waiting"] = max(waiting, default=None)
    return Collected(
        figures=figures,
        charts=(
            charts.chart(
                "Who waits behind the slow calls",
                "bar",
                "what is asked for",
                "median time, ms",
                [
                    charts.series("slow calls in the default limiter", shared.bars(), role="bad"),
                    charts.series("slow calls in a pool of their own", own.bars(), role="good"),
                    charts.series("no slow calls", alone.bars(), role="neutral"),
                ],
                log_y=True,
                categories=True,
                note=(
                    f"{_CLIENTS} clients with calls of {_CALL_MS} ms, {_THREADS} threads. A new worker is started under a "
                    "limiter of its own in all three."
                ),
            ),
            charts.chart(
                "Name look-ups over time",
                "point",
                "seconds since the look-ups began",
                "time of a look-up, ms",
                [
                    charts.series("slow calls in the default limiter", _points(shared), role="bad"),
                    charts.series("slow calls in a pool of their own", _points(own), role="good"),
                ],
                log_y=True,
                rules=[charts.rule(_CALL_MS, "one slow call")],
            ),
        ),
        first_full=first_full([_without_workers(sample) for sample in shared.lookups.samples]),
        finding=(
            f"Behind slow calls in the default limiter a look-up of localhost took {figures['lookup_shared_p50_ms']:.0f} ms "
            f"and a file read {figures['read_shared_p50_ms']:.0f} ms (medians). With the slow calls in a pool of their own it "
            f"was {figures['lookup_own_p50_ms']:.1f} and {figures['read_own_p50_ms']:.1f} ms. A worker was replaced in "
            f"{figures['respawn_shared_ms']:.0f} ms and {figures['respawn_own_ms']:.0f} ms: its start waits for neither."
        ),
    )


def _without_workers(sample: Health) -> Health:
    """A pool whose only worker was killed on purpose is no queue that filled by itself."""
    return replace(sample, queues=tuple(queue for queue in sample.queues if queue.name != "worker_pool"))


def _points(found: _Beside) -> list[tuple[float, float]]:
    samples = found.lookups.load["samples"]
    return sorted((round(max(0.0, ended - ms / 1e3), 3), round(ms, 3)) for ended, ms in samples)


EXPERIMENT = Experiment(
    name="shared-pool-coupling",
    title="A pool that everybody shares",
    order=10,
    expected_s=20,
    question="Who else suffers when slow calls fill the limiter that everything uses by default?",
    prediction=(
        f"{_CLIENTS} clients keep {_THREADS} threads and {_CLIENTS - _THREADS} places in the queue taken, so a name look-up "
        f"or a file read first waits for {(_CLIENTS - _THREADS) // _THREADS} slow calls of {_CALL_MS} ms, though it needs a "
        "millisecond itself. With the slow calls under a limiter of their own it waits for none. Neither delays the start "
        "of a worker, which has its own limiter as well, nor /health, which needs no thread."
    ),
    figures=(
        *(
            f"{who}_{pool}_{share}_ms"
            for pool in _POOLS
            for who in ("lookup", "read", "health")
            for share in ("p50", "p99")
        ),
        *(f"respawn_{pool}{most}_ms" for pool in _POOLS for most in ("", "_max")),
        "respawn_per_lookup",
        "default_limiter_waiting",
    ),
    checks=(
        Check(
            claim="name look-up behind slow calls, p50",
            figure="lookup_shared_p50_ms",
            relation=">",
            bound=2 * _CALL_MS,
            unit="ms",
        ),
        Check(
            claim="file read behind slow calls, p50",
            figure="read_shared_p50_ms",
            relation=">",
            bound=2 * _CALL_MS,
            unit="ms",
        ),
        Check(
            claim="name look-up, slow calls in their own pool, p99",
            figure="lookup_own_p99_ms",
            relation="<",
            bound=_CALL_MS,
            unit="ms",
        ),
        Check(
            claim="file read, slow calls in their own pool, p99",
            figure="read_own_p99_ms",
            relation="<",
            bound=_CALL_MS,
            unit="ms",
        ),
        Check(
            claim="replacing a worker ÷ a look-up behind the same slow calls",
            figure="respawn_per_lookup",
            relation="<",
            bound=0.5,  # in the same queue it would take longer than the look-up
            unit="×",
        ),
        Check(
            claim="/health behind slow calls, p50",
            figure="health_shared_p50_ms",
            relation="<",
            bound=25,
            unit="ms",
        ),
    ),
    advice=(
        "Whatever calls `trio.to_thread.run_sync` without naming a limiter shares one queue with file I/O, name look-ups "
        "and `trio.run_process`. Give each slow thing a `CapacityLimiter` (or an `open_native_pool`) of its own, and leave "
        "the default one to those short calls. A larger default limiter only moves the point at which they meet.\n\n"
        "The default limiter bounds no queue and has no timeout: its depth is `default_limiter` in `/health`."
    ),
    collect=_collect,
)
