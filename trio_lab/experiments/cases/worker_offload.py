"""CPU work in worker processes: what it costs, and what the loop gains.

Varied: where the hash is computed (`/sync-hash` on the loop, `/worker-hash` in a worker process). Held fixed: 10 clients,
the work (hashes of about 30 ms), the default number of workers, one server. Cost is the CPU time of the server and its
children, read before and after. In every round both take their turn, and so do bare processes.

The loop only passes messages, so /health waits for less than half a hash; a blocked one would show a whole one. Workers
move the cost and do not remove it: a job costs the same CPU time, but for a processor that changes its speed between two
short phases: 0.6. A lower cost in a worker would mean a wrong measurement. Pipes, bulkhead, HTTP and the
probe cost a little, and two short phases differ by more: half of what bare processes do; the exact cost is a benchmark's
(offload-efficiency).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...cores import default_workers
from ...records.figures import Measures, check, compared, measured
from ...stage.alone import alone
from ...stage.loaded import Loaded
from ...stage.stage import Stage
from ...subjects.bare import jobs_per_s
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import rounds_of

_CLIENTS = 10
_HASH = 0.03  # seconds of a core
_WORKERS = default_workers()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """``bare`` is what bare processes do a second."""

    loop: Loaded
    process: Loaded
    bare: float

    @property
    def hash(self) -> float:
        """Seconds that one hash holds the loop: the clients wait for each other's."""
        return self.loop.load.latency.p50 / _CLIENTS


def _cpu_ms(run: Loaded) -> float:
    """CPU time of one job."""
    return run.cpu / max(1, run.load.requests.ok) * 1e3


_FIGURES: Measures[_Found] = {
    "health_p99_ms": lambda found: found.process.health_p99_ms,
    "health_p99_loop_ms": lambda found: found.loop.health_p99_ms,
    "health_in_hashes": lambda found: found.process.health.p90 / found.hash,
    "bare_process_share": lambda found: found.process.load.pace / found.bare,
    "cpu_ratio": lambda found: _cpu_ms(found.process) / _cpu_ms(found.loop),
    "cpu_per_job_process_ms": lambda found: _cpu_ms(found.process),
    "cpu_per_job_loop_ms": lambda found: _cpu_ms(found.loop),
    "process_rps": lambda found: found.process.load.throughput,
    "loop_rps": lambda found: found.loop.load.throughput,
    "workers": lambda _: _WORKERS,
}


async def _collect(stage: Stage) -> Collected:
    seconds = stage.seconds(3, quick=0.8)
    server = await stage.kept("--workers", str(_WORKERS))
    rounds = await stage.first("rounds", partial(rounds_of, server, _HASH))
    on_loop, in_worker = f"/sync-hash?rounds={rounds}", f"/worker-hash?rounds={rounds}"
    found = _Found(
        **await stage.once(
            {
                "loop": partial(
                    stage.loaded, server, on_loop, connections=_CLIENTS, duration=seconds, keep_samples=True
                ),
                "process": partial(
                    stage.loaded, server, in_worker, connections=_CLIENTS, duration=seconds, keep_samples=True
                ),
                "bare": partial(alone, partial(jobs_per_s, "processes", _WORKERS, seconds, rounds)),
            }
        )
    )
    loop, process = found.loop, found.process
    costs = [("on the loop", _cpu_ms(loop)), ("in a worker process", _cpu_ms(process))]
    return Collected(
        figures=measured(_FIGURES, found),
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
        loads=[process.step],
    )


def _finding(found: Reading) -> str:
    return f"""With /worker-hash saturated /health p99 was {found.said("health_p99_ms", "ms")}, beside /sync-hash
        {found.said("health_p99_loop_ms", "ms")}. A job cost {found.said("cpu_per_job_process_ms", "ms")} of CPU in a worker
        and {found.said("cpu_per_job_loop_ms", "ms")} on the loop. The pool got {found.said("bare_process_share")} of the work
        done that as many bare processes did (workers: {found.said("workers")})."""


EXPERIMENT = Experiment(
    name="worker-offload",
    title="CPU work in worker processes",
    order=5,
    expected_s=25,
    question="What does moving CPU work to worker processes cost, and what does it bring?",
    prediction="""/health waits for less than half a job while the workers are saturated. The work is not cheaper: a job
        costs the same CPU time in a worker as on the loop, and not less. The pool gets over half of the
        work done that bare processes do.""",
    figures=_FIGURES,
    checks=(
        check("/health p90 while /worker-hash is saturated ÷ one hash", "health_in_hashes", "<", 0.5, "×"),
        check("CPU time of a job, process ÷ loop", "cpu_ratio", ">=", 0.6, "×"),
        check("throughput ÷ the same work in bare processes", "bare_process_share", ">=", 0.5, "×"),
    ),
    advice="""Send to a worker what computes in Python for longer than a few milliseconds. Bound its queue by time: a
        worker pool that is full stays as full as a thread pool. More workers help only while cores are idle.""",
    collect=_collect,
    finding=_finding,
    compared=(
        compared("health_p99_ms", "/health p99 beside 10 clients at /worker-hash", "ms", "lower"),
        compared("bare_process_share", "throughput ÷ bare processes", "×", "higher"),
        compared("cpu_per_job_process_ms", "CPU of a job in a worker", "ms", "lower"),
    ),
)
