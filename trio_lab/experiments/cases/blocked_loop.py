"""The same hash in the pool and on the loop: what does everybody else feel?

Varied: where the hash is computed (`/hash` in a thread of the native pool, `/sync-hash` in the handler). Held fixed: five
clients, the same work, a new server for each, a probe of /health 50 times a second.

One hash holds the loop for about 80 ms, so beside `/sync-hash` /health must show more than a timer interval of 25 ms. The
pool's threads release the GIL and have a lower priority than the loop, so beside `/hash` it must not. The utilization
bound of 0.9 shows that the run queue is what is full. Figures are wrong when other programs hold the cores: then /health
is late beside `/hash` too, and the second check fails.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...diagnose.first_full import first_full
from ...records.check import check, compared
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment

_CLIENTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    health_p99_pool_ms: float
    health_p99_loop_ms: float
    health_p50_loop_ms: float
    slowdown: float
    loop_utilization: float | None
    longest_pass_ms: float | None
    pool_rps: float
    loop_rps: float


async def _collect(stage: Stage) -> Collected:
    seconds = stage.seconds(10, quick=4)
    async with stage.server() as server:
        pool = await stage.loaded(server, "/hash", connections=_CLIENTS, duration=seconds)
    async with stage.server() as server:
        loop = await stage.loaded(server, "/sync-hash", connections=_CLIENTS, duration=seconds)
    busy = [share for sample in loop.samples if (share := sample.loop.utilization) is not None]
    passes = [longest * 1e3 for sample in loop.samples if (longest := sample.loop.max) is not None]
    figures = _Figures(
        health_p99_pool_ms=pool.health_p99_ms,
        health_p99_loop_ms=loop.health_p99_ms,
        health_p50_loop_ms=loop.health.p50 * 1e3,
        slowdown=loop.health_p99_ms / pool.health_p99_ms,
        loop_utilization=max(busy, default=None),
        longest_pass_ms=max(passes, default=None),
        pool_rps=pool.load.throughput,
        loop_rps=loop.load.throughput,
    )
    return Collected(
        figures=figures,
        charts=(
            charts.health_over_time(
                [("/hash (native pool)", pool, "good"), ("/sync-hash (on the loop)", loop, "bad")],
                note="Same clients, same work. Only the thread that does it differs.",
            ),
            charts.percentiles(
                "Latency of /health", [("beside /hash", pool.health, "good"), ("beside /sync-hash", loop.health, "bad")]
            ),
        ),
        first_full=first_full(loop.samples),
        finding=(
            f"/health p99 was {figures.health_p99_pool_ms:.1f} ms beside /hash and {figures.health_p99_loop_ms:.0f} ms "
            f"beside /sync-hash. The work done was {figures.pool_rps:.1f}/s in the pool and {figures.loop_rps:.1f}/s on the "
            "loop."
        ),
    )


EXPERIMENT = Experiment(
    name="blocked-loop",
    title="A blocked loop",
    order=3,
    expected_s=12,
    question="What does everybody else feel when a handler computes on the loop instead of in the pool?",
    prediction=(
        "While /sync-hash computes no other request is served: /health waits behind whole hashes and is far over 25 ms. The "
        "same hashes in the native pool leave it under 25 ms, and use every core instead of one."
    ),
    figures=_Figures,
    checks=(
        check("/health p99 beside /sync-hash", "health_p99_loop_ms", ">", 25, "ms"),
        check("/health p99 beside /hash", "health_p99_pool_ms", "<", 25, "ms"),
        check("loop utilization beside /sync-hash", "loop_utilization", ">=", 0.9),
    ),
    advice=(
        "Find the call that computes and take it off the loop: `trio.to_thread` if it releases the GIL (hashing, "
        "compression), a worker process if it is Python code. A larger pool does nothing here: the queue that is full is "
        "the run queue."
    ),
    collect=_collect,
    compared=(
        compared("health_p99_pool_ms", "/health p99 beside /hash", "ms", "lower"),
        compared("health_p99_loop_ms", "/health p99 beside /sync-hash", "ms", "lower"),
        compared("pool_rps", "hashes in the pool", "/s", "higher"),
    ),
)
