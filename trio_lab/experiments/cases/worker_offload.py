"""CPU work in worker processes: what it costs, and what the loop gains.

Varied: where the hash is computed (`/sync-hash` on the loop, `/worker-hash` in a worker process). Held fixed: 20 clients,
the work, the default number of workers, one server. Cost is the CPU time of the server and its children, read before and
after. The pool and bare processes then take turns, and their share is the median of the rounds.

The loop only passes messages, so /health stays under 25 ms; a blocked one would show a whole hash. Workers move the cost
and do not remove it: a tenth covers the pipes, the HTTP of both, and the resolution of the CPU clock. A lower cost in a
worker would mean a wrong measurement. Pipes, bulkhead and HTTP may cost a twentieth of the throughput: 0.95.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from ...cores import default_workers
from ...records.figures import Measures, check, compared, measured
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..sizing import shares_of_bare

_CLIENTS = 20


@dataclass(frozen=True, slots=True)
class _Found:
    loop: Loaded
    process: Loaded
    shares: list[float]
    workers: int


def _cpu_ms(run: Loaded) -> float:
    """CPU time of one job."""
    return run.cpu / max(1, run.load.requests.ok) * 1e3


_FIGURES: Measures[_Found] = {
    "health_p99_ms": lambda found: found.process.health_p99_ms,
    "health_p99_loop_ms": lambda found: found.loop.health_p99_ms,
    "bare_process_share": lambda found: median(found.shares),
    "bare_process_share_min": lambda found: min(found.shares),
    "cpu_difference": lambda found: abs(_cpu_ms(found.process) / _cpu_ms(found.loop) - 1),
    "cpu_per_job_process_ms": lambda found: _cpu_ms(found.process),
    "cpu_per_job_loop_ms": lambda found: _cpu_ms(found.loop),
    "process_rps": lambda found: found.process.load.throughput,
    "loop_rps": lambda found: found.loop.load.throughput,
    "workers": lambda found: found.workers,
}


async def _collect(stage: Stage) -> Collected:
    workers = default_workers()
    seconds = stage.seconds(10, quick=3)
    async with stage.server("--workers", str(workers)) as server:
        loop = await stage.loaded(server, "/sync-hash", connections=_CLIENTS, duration=seconds)
        process = await stage.loaded(server, "/worker-hash", connections=_CLIENTS, duration=seconds)
        url = server.url + "/worker-hash"
        shares = await shares_of_bare(stage, url, clients=_CLIENTS, kind="processes", count=workers)
    costs = [("on the loop", _cpu_ms(loop)), ("in a worker process", _cpu_ms(process))]
    return Collected(
        figures=measured(_FIGURES, _Found(loop, process, shares, workers)),
        charts=(
            charts.health_over_time(
                [("/worker-hash (worker process)", process, "good"), ("/sync-hash (on the loop)", loop, "bad")]
            ),
            charts.bars(
                "CPU time of one job, server and workers together",
                ("where the job runs", "CPU ms a job"),
                [("CPU ms a job", costs, "neutral")],
                note="Workers move the cost; they do not remove it.",
            ),
        ),
        samples=process.samples,
        finding=f"""With /worker-hash saturated /health p99 was {process.health_p99_ms:.1f} ms ({loop.health_p99_ms:.0f}
            ms beside /sync-hash). A job cost {_cpu_ms(process):.1f} ms of CPU in a worker and {_cpu_ms(loop):.1f} ms on
            the loop. The pool got {median(shares):.2f} of the work done that {workers} bare
            process{"es" * (workers > 1)} did.""",
    )


EXPERIMENT = Experiment(
    name="worker-offload",
    title="CPU work in worker processes",
    order=5,
    expected_s=31,
    question="What does moving CPU work to worker processes cost, and what does it bring?",
    prediction="""/health stays under 25 ms while the workers are saturated. The work is not cheaper: a job costs the
        same CPU time in a worker as on the loop, within a tenth. The pool gets as much done as bare processes.""",
    figures=_FIGURES,
    checks=(
        check("/health p99 while /worker-hash is saturated", "health_p99_ms", "<", 25, "ms"),
        check("CPU time of a job, process against loop, difference", "cpu_difference", "<=", 0.1),
        check("throughput ÷ the same work in bare processes", "bare_process_share", ">=", 0.95, "×"),
    ),
    advice="""Send to a worker what computes in Python for longer than a few milliseconds. Bound its queue by time: a
        worker pool that is full stays as full as a thread pool. More workers help only while cores are idle.""",
    collect=_collect,
    compared=(
        compared("health_p99_ms", "/health p99 beside 20 clients at /worker-hash", "ms", "lower"),
        compared("bare_process_share", "throughput ÷ bare processes", "×", "higher"),
        compared("cpu_per_job_process_ms", "CPU of a job in a worker", "ms", "lower"),
    ),
)
