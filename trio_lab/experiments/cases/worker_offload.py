"""CPU work in worker processes: what it costs, and who no longer pays."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from ...cores import default_workers
from ...diagnose.first_full import first_full
from ...records.check import Check, Compared
from ...stage.stage import Loaded, Stage
from .. import charts
from ..model import Collected, Experiment

_CLIENTS = 20
_ROUNDS, _QUICK_ROUNDS = 3, 2  # pairs of (ours, bare), interleaved


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    health_p99_ms: float
    health_p99_loop_ms: float
    bare_process_share: float
    bare_process_share_min: float
    cpu_difference: float
    cpu_per_job_process_ms: float
    cpu_per_job_loop_ms: float
    process_rps: float
    loop_rps: float
    workers: int


def _cpu_per_job(run: Loaded) -> float:
    return float(run.cpu_s / max(1, run.load["requests"]["ok"]))


async def _collect(stage: Stage) -> Collected:
    workers = default_workers()
    seconds = stage.seconds(10, quick=3)
    async with stage.server("--workers", str(workers)) as server:
        loop = await stage.loaded(server, "/sync-hash", connections=_CLIENTS, duration=seconds)
        process = await stage.loaded(server, "/worker-hash", connections=_CLIENTS, duration=seconds)
        shares = []
        for _ in range(_QUICK_ROUNDS if stage.quick else _ROUNDS):
            for_each = stage.seconds(8, quick=2.5)
            ours = await stage.load(server.url + "/worker-hash", connections=_CLIENTS, duration=for_each)
            shares.append(ours["throughput_rps"] / await stage.bare("processes", workers, duration=for_each))
    ratio = _cpu_per_job(process) / _cpu_per_job(loop)
    figures = _Figures(
        health_p99_ms=process.health_p99_ms,
        health_p99_loop_ms=loop.health_p99_ms,
        bare_process_share=median(shares),
        bare_process_share_min=min(shares),
        cpu_difference=abs(ratio - 1),
        cpu_per_job_process_ms=_cpu_per_job(process) * 1e3,
        cpu_per_job_loop_ms=_cpu_per_job(loop) * 1e3,
        process_rps=process.load["throughput_rps"],
        loop_rps=loop.load["throughput_rps"],
        workers=workers,
    )
    return Collected(
        figures=figures,
        charts=(
            charts.health_over_time(
                [
                    ("/worker-hash (worker process)", process.health_points(), "good"),
                    ("/sync-hash (on the loop)", loop.health_points(), "bad"),
                ]
            ),
            charts.chart(
                "CPU time of one job, server and workers together",
                "bar",
                "where the job runs",
                "CPU ms a job",
                [
                    charts.series(
                        "CPU ms a job",
                        [
                            ("on the loop", figures.cpu_per_job_loop_ms),
                            ("in a worker process", figures.cpu_per_job_process_ms),
                        ],
                        role="neutral",
                    )
                ],
                categories=True,
                note="Workers move the cost; they do not remove it.",
            ),
        ),
        first_full=first_full(process.samples),
        finding=(
            f"With /worker-hash saturated /health p99 was {process.health_p99_ms:.1f} ms ({loop.health_p99_ms:.0f} ms beside "
            f"/sync-hash). A job cost {figures.cpu_per_job_process_ms:.1f} ms of CPU in a worker and "
            f"{figures.cpu_per_job_loop_ms:.1f} ms on the loop. The pool got {median(shares):.2f} of the work done "
            f"that {workers} bare process{'es' * (workers > 1)} did."
        ),
    )


EXPERIMENT = Experiment(
    name="worker-offload",
    title="CPU work in worker processes",
    order=5,
    expected_s=31,
    question="What does moving CPU work to worker processes cost, and what does it bring?",
    prediction=(
        "/health stays under 25 ms while the workers are saturated. The work is not cheaper: a job costs the same CPU time "
        "in a worker as on the loop, within a tenth. The pool gets as much done as bare processes."
    ),
    figures=_Figures,
    checks=(
        Check(
            claim="/health p99 while /worker-hash is saturated",
            figure="health_p99_ms",
            relation="<",
            bound=25,
            unit="ms",
        ),
        Check(
            claim="CPU time of a job, process against loop, difference",
            figure="cpu_difference",
            relation="<=",
            bound=0.1,
        ),
        Check(
            claim="throughput ÷ the same work in bare processes",
            figure="bare_process_share",
            relation=">=",
            bound=0.95,
            unit="×",
        ),
    ),
    advice=(
        "Send to a worker what computes in Python for longer than a few milliseconds. Bound its queue by time: a worker pool "
        "that is full stays as full as a thread pool. More workers help only while cores are idle."
    ),
    collect=_collect,
    compared=(
        Compared(
            figure="health_p99_ms", label="/health p99 beside 20 clients at /worker-hash", unit="ms", better="lower"
        ),
        Compared(figure="bare_process_share", label="throughput ÷ bare processes", unit="×", better="higher"),
        Compared(figure="cpu_per_job_process_ms", label="CPU of a job in a worker", unit="ms", better="lower"),
    ),
)
