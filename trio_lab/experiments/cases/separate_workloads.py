"""Long reports beside short hashes: in one worker pool, and in two of half the size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import trio

from ...diagnose.first_full import first_full
from ...records.check import Check
from ...records.queue import QueueStatistics
from ...records.summary import Summary
from ...stage.stage import Loaded, Server, Stage
from .. import charts
from ..model import Collected, Experiment

_HASH_S, _REPORT_S = 0.005, 0.15  # what a job should take
_HASH_RATE = 15  # per second: less than a tenth of what one worker can do
_REPORT_CLIENTS = 4  # so that two reports run and two wait, in one pool
_REPORT_RATE = 50  # per second, against seven to fourteen that can be done: the overload
_ENOUGH = 15  # reports done, trials included, below which a machine was too busy to tell
_TRIAL_N, _TRIAL_ROUNDS = 24, 20_000
_GOLDEN = (1 + math.sqrt(5)) / 2  # each step of n makes fib so much longer
_LIMITS = ("--max-queue", "16", "--queue-timeout", "1")


# What is measured of one pool and of two.
_OF_EACH = (
    "hash_p50_ms",
    "hash_p99_ms",
    "hash_wait_p50_ms",
    "hash_wait_p90_ms",
    "hash_wait_p99_ms",
    "report_rps",
    "overload_hash_p90_ms",
    "overload_hash_p99_ms",
    "overload_hash_shed",
    "overload_report_shed",
)
_CHECKS = (
    Check(
        claim="a hash's median wait in one pool ÷ a report",
        figure="one_wait_in_reports",
        relation=">",
        bound=0.5,
        unit="×",
    ),
    Check(
        claim="a hash's p90 wait in two pools ÷ a report",
        figure="two_wait_in_reports",
        relation="<",
        bound=0.5,
        unit="×",
    ),
    Check(claim="p90 of a hash, one pool ÷ two", figure="hash_p90_gain", relation=">=", bound=3, unit="×"),
    Check(claim="hashes refused in one overloaded pool", figure="one_overload_hash_shed", relation=">=", bound=1),
    Check(claim="reports refused in two pools", figure="two_overload_report_shed", relation=">=", bound=1),
    Check(claim="hashes refused meanwhile in two pools", figure="two_overload_hash_shed", relation="<=", bound=0),
    Check(
        claim="p90 of a hash beside the overload in two pools ÷ a report",
        figure="two_overload_p90_in_reports",
        relation="<",
        bound=0.5,
        unit="×",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Hashes beside ordinary and beside too many reports. ``kinds``: the workers' own figures of the former, by kind."""

    hashes: Loaded
    reports: dict[str, Any]
    kinds: dict[str, QueueStatistics]
    hashes_overload: Loaded
    reports_overload: dict[str, Any]

    @property
    def hash_wait(self) -> Summary:
        """What a hash waited for a worker."""
        return _seen(self.kinds["hash"].wait)


def _seen(summary: Summary | None) -> Summary:
    assert summary is not None  # our pools observe both
    return summary


async def _paths(server: Server) -> tuple[str, str]:
    """A hash and a report of about the wanted lengths on this machine: the best of five trials each."""
    hashed = min([(await server.get(f"/worker-hash?rounds={_TRIAL_ROUNDS}"))["workerDurationMs"] for _ in range(5)])
    counted = min([(await server.get(f"/fib?n={_TRIAL_N}"))["computeMs"] for _ in range(5)])
    rounds = round(_TRIAL_ROUNDS * _HASH_S * 1e3 / hashed)
    n = _TRIAL_N + round(math.log(_REPORT_S * 1e3 / counted, _GOLDEN))
    return f"/worker-hash?rounds={rounds}", f"/fib?n={n}"


async def _both(stage: Stage, server: Server, hash_path: str, report_path: str, **load: Any) -> tuple[Loaded, Any]:
    found: dict[str, Any] = {}
    seconds = stage.seconds(12, quick=3)

    async def hashes() -> None:
        found["hashes"] = await stage.loaded(
            server, hash_path, connections=50, rate=_HASH_RATE, duration=seconds, samples=True
        )

    async def reports() -> None:
        found["reports"] = await stage.load(server.url + report_path, duration=seconds, **load)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hashes)
        nursery.start_soon(reports)
    return found["hashes"], found["reports"]


async def _run(stage: Stage, server: Server, hash_path: str, report_path: str) -> _Run:
    hashes, reports = await _both(stage, server, hash_path, report_path, connections=_REPORT_CLIENTS)
    pools = [queue for queue in (await server.health()).queues if queue.name.startswith("worker_pool")]
    kinds = {kind.name.rpartition(".")[2]: kind for pool in pools for kind in pool.kinds or ()}
    over = await _both(stage, server, hash_path, report_path, connections=100, rate=_REPORT_RATE)
    return _Run(hashes=hashes, reports=reports, kinds=kinds, hashes_overload=over[0], reports_overload=over[1])


async def _collect(stage: Stage) -> Collected:
    async with stage.server("--workers", "2", *_LIMITS) as server:
        # The trials run on both servers, so that both histograms hold them.
        paths = await _paths(server)
        one = await _run(stage, server, *paths)
    async with stage.server("--workers", "1", "--separate-pools", *_LIMITS) as server:
        await _paths(server)
        two = await _run(stage, server, *paths)
    report_ms = _seen(one.kinds["reports"].service).p50 * 1e3
    enough = min(run.kinds["reports"].completions or 0 for run in (one, two)) >= _ENOUGH
    figures: dict[str, float | None] = {
        "one_wait_in_reports": one.hash_wait.p50 * 1e3 / report_ms,
        "two_wait_in_reports": two.hash_wait.p90 * 1e3 / report_ms,
        "hash_p90_gain": one.hashes.load["latency_ms"]["p90"] / two.hashes.load["latency_ms"]["p90"],
        "two_overload_p90_in_reports": two.hashes_overload.load["latency_ms"]["p90"] / report_ms,
        "report_ms": report_ms,
        "report_rate_share": two.reports["goodput_rps"] / done if (done := one.reports["goodput_rps"]) else None,
    }
    for name, run in (("one", one), ("two", two)):
        figures |= {
            f"{name}_hash_p50_ms": run.hashes.load["latency_ms"]["p50"],
            f"{name}_hash_p99_ms": run.hashes.load["latency_ms"]["p99"],
            f"{name}_hash_wait_p50_ms": run.hash_wait.p50 * 1e3,
            f"{name}_hash_wait_p90_ms": run.hash_wait.p90 * 1e3,
            f"{name}_hash_wait_p99_ms": run.hash_wait.p99 * 1e3,
            f"{name}_report_rps": run.reports["goodput_rps"],
            f"{name}_overload_hash_p90_ms": run.hashes_overload.load["latency_ms"]["p90"],
            f"{name}_overload_hash_p99_ms": run.hashes_overload.load["latency_ms"]["p99"],
            f"{name}_overload_hash_shed": run.hashes_overload.load["requests"]["shed"],
            f"{name}_overload_report_shed": run.reports_overload["requests"]["shed"],
        }
    if not enough:  # nobody could have waited behind them
        figures |= dict.fromkeys((check.figure for check in _CHECKS), None)
    return Collected(
        figures=figures,
        charts=(
            charts.percentiles(
                "Latency of a short hash beside long reports",
                [
                    ("one pool of two workers", one.hashes.load["latency_ms"], "bad"),
                    ("two pools of one worker", two.hashes.load["latency_ms"], "good"),
                ],
                note=f"A hash takes about {_HASH_S * 1e3:.0f} ms, a report about {report_ms:.0f} ms.",
            ),
            charts.chart(
                "Hashes while far too many reports come",
                "point",
                "seconds since the load began",
                "latency of a hash, ms",
                [
                    charts.series("one pool of two workers", _points(one.hashes_overload), role="bad"),
                    charts.series("two pools of one worker", _points(two.hashes_overload), role="good"),
                ],
                log_y=True,
                rules=[charts.rule(report_ms, "one report")],
                note="Hashes that were refused (503) are not drawn; only the one pool refused any."
                if two.hashes_overload.load["requests"]["shed"] == 0
                else None,
            ),
            charts.chart(
                "What separation costs",
                "bar",
                "worker pools",
                "reports/s",
                [charts.series("reports done", [(name, figures[f"{name}_report_rps"]) for name in ("one", "two")])],
                categories=True,
                note="The worker that is kept for hashes does no reports, however many wait. On cores that others use too, "
                "one worker may do as many reports as two.",
            ),
        ),
        first_full=first_full(one.hashes.samples),
        finding=(
            f"In one pool a hash waited {figures['one_hash_wait_p50_ms']:.0f} ms (median) behind reports of {report_ms:.0f} "
            f"ms; in a pool of its own {figures['two_hash_wait_p90_ms']:.1f} ms (p90). With too many reports the one pool "
            f"refused {one.hashes_overload.load['requests']['shed']} hashes, the separate ones "
            f"{two.hashes_overload.load['requests']['shed']}. Reports done: {figures['one_report_rps']:.1f}/s by both "
            f"workers, {figures['two_report_rps']:.1f}/s by the one that is left to them."
        ),
    )


def _points(run: Loaded) -> list[tuple[float, float]]:
    return sorted((round(max(0.0, ended - ms / 1e3), 3), round(ms, 3)) for ended, ms in run.load["samples"])


EXPERIMENT = Experiment(
    name="separate-workloads",
    title="Long and short work in one pool, or in two",
    order=9,
    expected_s=20,
    question="What do short jobs gain from a worker pool of their own, and what does it cost the long ones?",
    prediction=(
        "In one pool two reports run and two more wait whenever a hash comes, so it waits longer than half a report "
        "though one worker could do ten times as many hashes. With a worker of its own it only ever waits for other hashes. "
        "When too many reports come they fill the queue that they share with the hashes, and these are refused too; in "
        "two pools no hash is."
    ),
    figures=(
        "one_wait_in_reports",
        "two_wait_in_reports",
        "hash_p90_gain",
        "two_overload_p90_in_reports",
        "report_ms",
        "report_rate_share",
        *(f"{pools}_{figure}" for pools in ("one", "two") for figure in _OF_EACH),
    ),
    checks=_CHECKS,
    advice=(
        "Work of different lengths wants different pools (`--separate-pools`): a queue is as slow as its slowest jobs, for "
        "all who stand in it. Keep the pool of the long work small, and let it refuse on its own. The price is a worker "
        "that idles while others are short of one; where that is too much, one pool with a discipline that shares fairly "
        "between kinds, or with priorities, bounds the wait to the jobs that run already."
    ),
    collect=_collect,
)
