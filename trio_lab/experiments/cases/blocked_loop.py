"""The same hash in the pool and on the loop: what do other requests feel?

Varied: where the hash is computed (`/hash` in a thread of the native pool, `/sync-hash` in the handler). Held fixed: five
clients, the same work (hashes of about 30 ms), one server, a probe of /health 50 times a second.

One hash holds the loop, so beside `/sync-hash` /health must show at least a whole one: 0.8 leaves room for a probe that came
in the middle of the last. The pool's threads release the GIL and have a lower priority than the loop, so beside `/hash` it
must show less than half of one. The utilization bound of 0.9 shows that the run queue is what is full.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ...records.figures import Measures, check, compared, measured, of_each
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import rounds_of

_CLIENTS = 5
_HASH = 0.03  # seconds of a core


_ROUTES = {"pool": "/hash", "loop": "/sync-hash"}


def _hash(run: Mapping[str, Loaded]) -> float:
    """Seconds that one hash holds the loop: the clients wait for each other's."""
    return run["loop"].load.latency.p50 / _CLIENTS


_OF_EACH: Measures[Loaded] = {
    "health_p99_{}_ms": lambda run: run.health_p99_ms,
    "{}_rps": lambda run: run.load.throughput,
}
_FIGURES: Measures[Mapping[str, Loaded]] = {
    **of_each(_ROUTES, _OF_EACH),
    "hash_ms": lambda run: _hash(run) * 1e3,
    "loop_in_hashes": lambda run: run["loop"].health.p99 / _hash(run),
    "pool_in_hashes": lambda run: run["pool"].health.p90 / _hash(run),
    "health_p50_loop_ms": lambda run: run["loop"].health.p50 * 1e3,
    "slowdown": lambda run: run["loop"].health_p99_ms / run["pool"].health_p99_ms,
    "loop_utilization": lambda run: max((s.loop.utilization or 0.0 for s in run["loop"].samples), default=None),
    "longest_pass_ms": lambda run: max(((s.loop.max or 0.0) * 1e3 for s in run["loop"].samples), default=None),
}


async def _collect(stage: Stage) -> Collected:
    seconds = stage.seconds(3, quick=1)
    server = await stage.kept()
    rounds = await stage.first("rounds", partial(rounds_of, server, _HASH))
    run: dict[str, Loaded] = await stage.once(
        {
            place: partial(stage.loaded, server, f"{route}?rounds={rounds}", connections=_CLIENTS, duration=seconds)
            for place, route in _ROUTES.items()
        }
    )
    pool, loop = run["pool"], run["loop"]
    return Collected(
        figures=measured(_FIGURES, run),
        charts=(
            charts.health_over_time(
                [("/hash (native pool)", pool, "good"), ("/sync-hash (on the loop)", loop, "bad")],
                note="Same clients, same work. Only the thread that does it differs.",
            ),
            charts.percentiles(
                "Latency of /health", [("beside /hash", pool.health, "good"), ("beside /sync-hash", loop.health, "bad")]
            ),
        ),
        loads=[loop.step],
    )


def _finding(found: Reading) -> str:
    return f"""/health p99 was {found.said("health_p99_pool_ms", "ms")} beside /hash and
        {found.said("health_p99_loop_ms", "ms")} beside /sync-hash, where a hash took {found.said("hash_ms", "ms")}. The work
        done was {found.said("pool_rps", "/s")} in the pool and {found.said("loop_rps", "/s")} on the loop."""


EXPERIMENT = Experiment(
    name="blocked-loop",
    title="A blocked loop",
    order=3,
    expected_s=17,
    question="What do other requests feel when a handler computes on the loop instead of in the pool?",
    prediction="""While /sync-hash computes no other request is served: /health waits for whole hashes. Beside the same
        hashes in the native pool it waits for less than half of one.""",
    figures=_FIGURES,
    checks=(
        check("/health p99 beside /sync-hash ÷ one hash", "loop_in_hashes", ">=", 0.8, "×"),
        check("/health p90 beside /hash ÷ one hash", "pool_in_hashes", "<", 0.5, "×"),
        check("loop utilization beside /sync-hash", "loop_utilization", ">=", 0.9),
    ),
    advice="""Find the call that computes and take it off the loop: `trio.to_thread` if it releases the GIL (hashing,
        compression), a worker process if it is Python code. A larger pool does nothing here: the queue that is full is
        the run queue.""",
    collect=_collect,
    finding=_finding,
    compared=(
        compared("health_p99_pool_ms", "/health p99 beside /hash", "ms", "lower"),
        compared("health_p99_loop_ms", "/health p99 beside /sync-hash", "ms", "lower"),
        compared("pool_rps", "hashes in the pool", "/s", "higher"),
    ),
)
