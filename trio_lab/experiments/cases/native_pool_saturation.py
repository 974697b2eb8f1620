"""Twenty clients at a pool of four threads: where does the time of a request go?

Varied: the number of clients (4, 20). Held fixed: the pool's four threads and the work, hashes of about 30 ms, at one
server. In every round the two loads and the same hash in bare threads take turns.

With five clients for each thread a request takes nearly five times what its hash has a thread for: 3 leaves room for
noise. More threads would make it as long, since they share the cores; so the clients that wait for a thread are counted
too. They should be 16 of 20: 14 leaves room for two that are between two requests. Five times the clients must not bring
more work: 1.3 is what two short phases differ by. HTTP, bulkhead, priorities and the probe cost a little, and two short
phases differ by more: half of what bare threads do; the exact cost is a benchmark's (offload-efficiency). A blocked loop
would show a whole hash in /health: half of one is the bound, for nine of ten probes, since the slowest of forty says
little.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...cores import usable_cores
from ...diagnose.growth import mean_between
from ...records.figures import Measures, check, compared, measured
from ...records.health import Health
from ...stage.alone import alone
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from ...subjects.bare import jobs_per_s
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import rounds_of

_THREADS = 4
_CLIENTS = 20
_HASH = 0.03  # seconds of a core


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """``bare`` is what bare threads do a second. ``wait`` and ``service`` are means of the pool beside many clients, in
    seconds."""

    few: Loaded
    many: Loaded
    bare: float
    wait: float | None
    service: float | None

    def in_hashes(self, seconds: float) -> float | None:
        """So long, in the time that a hash took a thread."""
        return seconds / self.service if self.service else None


_FIGURES: Measures[_Found] = {
    "health_p99_ms": lambda found: found.many.health_p99_ms,
    "health_in_hashes": lambda found: found.in_hashes(found.many.health.p90),
    "request_in_hashes": lambda found: found.in_hashes(found.many.load.latency.p50),
    "latency_growth": lambda found: found.many.load.latency.p50 / found.few.load.latency.p50,
    "most_waiting": lambda found: max(
        (sample.queue("native_pool").waiting or 0 for sample in found.many.samples), default=None
    ),
    "throughput_growth": lambda found: found.many.load.pace / found.few.load.pace,
    "bare_thread_share": lambda found: found.many.load.pace / found.bare,
    "few_p50_ms": lambda found: found.few.load.latency.p50 * 1e3,
    "many_p50_ms": lambda found: found.many.load.latency.p50 * 1e3,
    "many_p99_ms": lambda found: found.many.load.latency.p99 * 1e3,
    "few_rps": lambda found: found.few.load.pace,
    "many_rps": lambda found: found.many.load.pace,
    "pool_wait_ms": lambda found: None if found.wait is None else found.wait * 1e3,
    "pool_service_ms": lambda found: None if found.service is None else found.service * 1e3,
    "cores": lambda _: usable_cores(),
}


def _times(before: Health, after: Health) -> tuple[float | None, float | None]:
    """The mean wait and the mean service time of what the pool ended between two looks. Its own percentiles are of all rounds,
    and of few clients too."""
    first, last = (health.queue("native_pool") for health in (before, after))
    return mean_between(first.wait, last.wait), mean_between(first.service, last.service)


async def _collect(stage: Stage) -> Collected:
    seconds = stage.seconds(3, quick=0.8)
    server = await stage.kept("--threads", str(_THREADS))
    rounds = await stage.first("rounds", partial(rounds_of, server, _HASH))
    path = f"/hash?rounds={rounds}"
    times: list[tuple[float | None, float | None]] = []

    async def many() -> Loaded:
        found = await stage.loaded(server, path, connections=_CLIENTS, duration=seconds, keep_samples=True)
        times.append(_times(found.samples[0], await server.health()))
        return found

    turns = await stage.once(
        {
            "few": partial(stage.loaded, server, path, connections=_THREADS, duration=seconds, keep_samples=True),
            "many": many,
            "bare": partial(alone, partial(jobs_per_s, "threads", _THREADS, seconds, rounds)),
        }
    )
    ((wait, service),) = times
    found = _Found(**turns, wait=wait, service=service)
    few, many_ = found.few, found.many
    return Collected(
        figures=measured(_FIGURES, found),
        charts=(
            charts.percentiles(
                f"Latency of /hash with {_THREADS} and with {_CLIENTS} clients",
                [(f"{_THREADS} clients", few.load.latency, "good"), (f"{_CLIENTS} clients", many_.load.latency, "bad")],
                note=f"The work is the same; the difference is waiting for one of {_THREADS} threads.",
            ),
            charts.health_over_time(
                [(f"{_CLIENTS} clients at /hash", many_, "good")],
                note="A request that does not need the pool is served at once unless the loop is busy.",
            ),
        ),
        loads=[many_.step],
    )


def _finding(found: Reading) -> str:
    return f"""With {_CLIENTS} clients instead of {_THREADS} the throughput of {found.said("few_rps", "/s")}
        {found.change("throughput_growth")}, and the median latency of {found.said("few_p50_ms", "ms")}
        {found.change("latency_growth")}. /health p99 was {found.said("health_p99_ms", "ms")}; a hash took a thread
        {found.said("pool_service_ms", "ms")}."""


EXPERIMENT = Experiment(
    name="native-pool-saturation",
    title="A full native pool",
    order=1,
    expected_s=21,
    question=f"What happens to /hash when {_CLIENTS} clients share a native pool of {_THREADS} threads?",
    prediction="""The throughput stays what it was with four clients, since the cores are busy already; only the time
        spent waiting for a thread grows: a request takes about five times its hash. The loop is idle meanwhile, so
        /health does not notice, and the server gets over half of the work done that bare threads would.""",
    figures=_FIGURES,
    checks=(
        check("/health p90 while /hash is saturated ÷ one hash", "health_in_hashes", "<", 0.5, "×"),
        check("median latency of 20 clients ÷ one hash", "request_in_hashes", ">=", 3, "×"),
        check("clients that wait for a thread at once, of 20", "most_waiting", ">=", 14),
        check("throughput, 20 clients ÷ 4", "throughput_growth", "<=", 1.3, "×"),
        check("throughput ÷ the same work in bare threads", "bare_thread_share", ">=", 0.5, "×"),
    ),
    advice="""`await` does not make work cheaper: it moves the wait. Look at the pool's wait and service times apart
        (`queues` in `/health`). Long waits with short service mean that the pool is too small or the work too much;
        whether a larger pool helps depends on what the work waits for: see native-pool-sizing.""",
    collect=_collect,
    finding=_finding,
    compared=(
        compared("health_p99_ms", "/health p99 beside 20 clients at /hash", "ms", "lower"),
        compared("many_p99_ms", "/hash p99", "ms", "lower"),
        compared("bare_thread_share", "throughput ÷ bare threads", "×", "higher"),
    ),
)
