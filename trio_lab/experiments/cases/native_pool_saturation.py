"""Twenty clients at a pool of four threads: where does the time of a request go?

Varied: the number of clients (4, 20). Held fixed: the pool's four threads and the work, at one server. The same load and
the same hash in bare threads then take turns, so that both meet the same machine; the share is the median of the rounds.

Five clients for each thread make the latency nearly fivefold: 3 leaves room for noise, and a pool without a queue would
give 1. More clients must not bring more work: 1.2 is the noise of a short run. HTTP, bulkhead and priorities may cost a
twentieth of what bare threads do: 0.95. A blocked loop would show a whole hash (about 80 ms) in /health: 25 ms. Other
programs on the cores take their part of both sides of a round, but not of the two phases before.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from ...cores import usable_cores
from ...records.figures import Measures, check, compared, measured
from ...records.queue import QueueStatistics
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..sizing import shares_of_bare

_THREADS = 4
_CLIENTS = 20


@dataclass(frozen=True, slots=True)
class _Found:
    few: Loaded
    many: Loaded
    pool: QueueStatistics
    shares: list[float]


_FIGURES: Measures[_Found] = {
    "health_p99_ms": lambda found: found.many.health_p99_ms,
    "latency_growth": lambda found: found.many.load.latency.p50 / found.few.load.latency.p50,
    "throughput_growth": lambda found: found.many.load.throughput / found.few.load.throughput,
    "bare_thread_share": lambda found: median(found.shares),
    "bare_thread_share_min": lambda found: min(found.shares),
    "few_p50_ms": lambda found: found.few.load.latency.p50 * 1e3,
    "many_p50_ms": lambda found: found.many.load.latency.p50 * 1e3,
    "many_p99_ms": lambda found: found.many.load.latency.p99 * 1e3,
    "few_rps": lambda found: found.few.load.throughput,
    "many_rps": lambda found: found.many.load.throughput,
    "pool_wait_p50_ms": lambda found: found.pool.wait.p50 * 1e3 if found.pool.wait else None,
    "pool_service_p50_ms": lambda found: found.pool.service.p50 * 1e3 if found.pool.service else None,
    "cores": lambda _: usable_cores(),
}


async def _collect(stage: Stage) -> Collected:
    seconds = stage.seconds(15, quick=3)
    async with stage.server("--threads", str(_THREADS)) as server:
        few = await stage.loaded(server, "/hash", connections=_THREADS, duration=seconds)
        many = await stage.loaded(server, "/hash", connections=_CLIENTS, duration=seconds)
        pool = (await server.health()).queue("native_pool")
        url = server.url + "/hash"
        shares = await shares_of_bare(stage, url, clients=_CLIENTS, kind="threads", count=_THREADS)
    return Collected(
        figures=measured(_FIGURES, _Found(few, many, pool, shares)),
        charts=(
            charts.percentiles(
                f"Latency of /hash with {_THREADS} and with {_CLIENTS} clients",
                [(f"{_THREADS} clients", few.load.latency, "good"), (f"{_CLIENTS} clients", many.load.latency, "bad")],
                note=f"The work is the same; the difference is waiting for one of {_THREADS} threads.",
            ),
            charts.health_over_time(
                [(f"{_CLIENTS} clients at /hash", many, "good")],
                note="The pool is full and the loop is free: a request that does not need the pool is served at once.",
            ),
        ),
        samples=many.samples,
        finding=f"""With {_CLIENTS} clients instead of {_THREADS} the throughput was {many.load.throughput:.1f}/s
            instead of {few.load.throughput:.1f}/s, and the median latency went from {few.load.latency.p50 * 1e3:.0f} to
            {many.load.latency.p50 * 1e3:.0f} ms. /health p99 was {many.health_p99_ms:.1f} ms.""",
    )


EXPERIMENT = Experiment(
    name="native-pool-saturation",
    title="A full native pool",
    order=1,
    expected_s=29,
    question=f"What happens to /hash when {_CLIENTS} clients share a native pool of {_THREADS} threads?",
    prediction="""The throughput stays what it was with four clients, since the cores are busy already; only the time
        spent waiting for a thread grows, fivefold. The loop is idle meanwhile, so /health does not notice, and the
        server gets nearly as much work done as bare threads would.""",
    figures=_FIGURES,
    checks=(
        check("/health p99 while /hash is saturated", "health_p99_ms", "<", 25, "ms"),
        check("median latency, 20 clients ÷ 4", "latency_growth", ">=", 3, "×"),
        check("throughput, 20 clients ÷ 4", "throughput_growth", "<=", 1.2, "×"),
        check("throughput ÷ the same work in bare threads", "bare_thread_share", ">=", 0.95, "×"),
    ),
    advice="""`await` does not make work cheaper: it moves the wait. Look at the pool's wait and service times apart
        (`queues` in `/health`). Long waits with short service mean that the pool is too small or the work too much;
        whether a larger pool helps depends on what the work waits for: see native-pool-sizing.""",
    collect=_collect,
    compared=(
        compared("health_p99_ms", "/health p99 beside 20 clients at /hash", "ms", "lower"),
        compared("many_p99_ms", "/hash p99", "ms", "lower"),
        compared("bare_thread_share", "throughput ÷ bare threads", "×", "higher"),
    ),
)
