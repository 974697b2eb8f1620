"""Long reports beside short hashes: in one worker pool, and in two of half the size.

Varied: one pool of two workers, or one worker for each kind. Held fixed: two workers in all, the limits of the queues,
the load of either kind. A hash takes about 3 ms and a report about 60 ms here, and one worker could do ten times as many
hashes as come, so any long wait of a hash is for reports. First reports come one after the other, then far too many.

Waits are measured in lengths of a report, so that the bounds hold on any machine: in one pool a hash mostly finds both
workers busy and two reports waiting (over half a report), with a worker of its own only other hashes (under half). The
shared queue refuses both kinds, a queue of its own does not; reports must be refused, else there was no overload. When
fewer than 5 reports were done the machine was too busy for a hash to wait behind one, and nothing is judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from ...records.chart import Point
from ...records.figures import Measures, check, measured, of_each
from ...records.load import LoadResult
from ...records.queue import QueueStatistics
from ...records.summary import Summary
from ...stage.loaded import Loaded
from ...stage.server import Server
from ...stage.stage import Stage
from ...stage.together import both
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading
from ..sizing import least

_HASH_MS, _REPORT_MS = 3, 60  # what a job should take
_HASH_RATE = 30  # per second: a tenth of what one worker can do
_REPORT_CLIENTS = 4  # so that two reports run and two wait, in one pool
_REPORT_RATE = 120  # per second, against sixteen to thirty-three that can be done: the overload
_ENOUGH = 5  # reports done in a round
_TRIAL_N, _TRIAL_ROUNDS = 24, 20_000
_GOLDEN = (1 + math.sqrt(5)) / 2  # each step of n makes fib so much longer
_LIMITS = ("--max-queue", "16", "--queue-timeout", "1")

_CHECKS = (
    check("a hash's median wait in one pool ÷ a report", "one_wait_in_reports", ">", 0.5, "×"),
    check("a hash's p90 wait in two pools ÷ a report", "two_wait_in_reports", "<", 0.5, "×"),
    check("p90 of a hash, one pool ÷ two", "hash_p90_gain", ">=", 3, "×"),
    check("hashes refused in one overloaded pool", "one_overload_hash_shed", ">=", 1),
    check("reports refused in two pools", "two_overload_report_shed", ">=", 1),
    check("hashes refused meanwhile in two pools", "two_overload_hash_shed", "<=", 0),
    check("p90 of a hash beside the overload in two pools ÷ a report", "two_overload_p90_in_reports", "<", 0.5, "×"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Hashes beside ordinary and beside too many reports. ``kinds``: the workers' own figures of the former, by kind."""

    hashes: Loaded
    reports: LoadResult
    kinds: dict[str, QueueStatistics]
    hashes_overload: Loaded
    reports_overload: LoadResult

    @property
    def hash_wait(self) -> Summary:
        """What a hash waited for a worker."""
        return _observed(self.kinds["hash"].wait)

    @property
    def report(self) -> float:
        """How long one takes a worker."""
        return _observed(self.kinds["reports"].service).p50


def _observed(summary: Summary | None) -> Summary:
    assert summary is not None  # our pools observe waits and service times
    return summary


async def _paths(server: Server) -> tuple[str, str]:
    """A hash and a report of about the wanted lengths on this machine."""
    hashed = await least(server, f"/worker-hash?rounds={_TRIAL_ROUNDS}", "workerDurationMs")
    counted = await least(server, f"/fib?n={_TRIAL_N}", "computeMs")
    rounds = round(_TRIAL_ROUNDS * _HASH_MS / hashed)
    n = _TRIAL_N + round(math.log(_REPORT_MS / counted, _GOLDEN))
    return f"/worker-hash?rounds={rounds}", f"/fib?n={n}"


async def _both(
    stage: Stage, server: Server, hash_path: str, report_path: str, *, clients: int, rate: float | None
) -> tuple[Loaded, LoadResult]:
    seconds = stage.seconds(3, quick=0.8)
    return await both(
        partial(stage.loaded, server, hash_path, connections=50, rate=_HASH_RATE, duration=seconds, keep_samples=True),
        partial(stage.load, server.url + report_path, connections=clients, rate=rate, duration=seconds),
    )


async def _alone(stage: Stage, *flags: str) -> _Run:
    """At a server of its own, so that its histograms hold this round alone."""
    async with stage.server(*flags, *_LIMITS) as server:
        paths = await stage.first("paths", partial(_paths, server))
        return await _run(stage, server, *paths)


async def _run(stage: Stage, server: Server, hash_path: str, report_path: str) -> _Run:
    hashes, reports = await _both(stage, server, hash_path, report_path, clients=_REPORT_CLIENTS, rate=None)
    pools = [queue for queue in (await server.health()).queues if queue.name.startswith("worker_pool")]
    kinds = {kind.name.rpartition(".")[2]: kind for pool in pools for kind in pool.kinds or ()}
    over = await _both(stage, server, hash_path, report_path, clients=100, rate=_REPORT_RATE)
    return _Run(hashes=hashes, reports=reports, kinds=kinds, hashes_overload=over[0], reports_overload=over[1])


_OF_EACH: Measures[_Run] = {
    "{}_hash_p50_ms": lambda run: run.hashes.load.latency.p50 * 1e3,
    "{}_hash_p99_ms": lambda run: run.hashes.load.latency.p99 * 1e3,
    "{}_hash_wait_p50_ms": lambda run: run.hash_wait.p50 * 1e3,
    "{}_hash_wait_p90_ms": lambda run: run.hash_wait.p90 * 1e3,
    "{}_hash_wait_p99_ms": lambda run: run.hash_wait.p99 * 1e3,
    "{}_report_rps": lambda run: run.reports.goodput,
    "{}_overload_hash_p90_ms": lambda run: run.hashes_overload.load.latency.p90 * 1e3,
    "{}_overload_hash_p99_ms": lambda run: run.hashes_overload.load.latency.p99 * 1e3,
    "{}_overload_hash_shed": lambda run: run.hashes_overload.load.requests.shed,
    "{}_overload_report_shed": lambda run: run.reports_overload.requests.shed,
}
_FIGURES: Measures[Mapping[str, _Run]] = {
    **of_each(("one", "two"), _OF_EACH),
    "one_wait_in_reports": lambda run: run["one"].hash_wait.p50 / run["one"].report,
    "two_wait_in_reports": lambda run: run["two"].hash_wait.p90 / run["one"].report,
    "hash_p90_gain": lambda run: run["one"].hashes.load.latency.p90 / run["two"].hashes.load.latency.p90,
    "two_overload_p90_in_reports": lambda run: run["two"].hashes_overload.load.latency.p90 / run["one"].report,
    "report_ms": lambda run: run["one"].report * 1e3,
    "report_rate_share": lambda run: run["two"].reports.goodput / one if (one := run["one"].reports.goodput) else None,
}


def _figures(run: Mapping[str, _Run]) -> dict[str, float | None]:
    figures = measured(_FIGURES, run)
    if min(its.kinds["reports"].completions or 0 for its in run.values()) < _ENOUGH:
        figures |= dict.fromkeys((check.figure for check in _CHECKS), None)
    return figures


async def _collect(stage: Stage) -> Collected:
    turns = {
        "one": partial(_alone, stage, "--workers", "2"),
        "two": partial(_alone, stage, "--workers", "1", "--separate-pools"),
    }
    run = await stage.once(turns)
    one, two = run["one"], run["two"]
    report = one.report
    refused_one, refused_two = (run.hashes_overload.load.requests.shed for run in (one, two))
    return Collected(
        figures=_figures({"one": one, "two": two}),
        charts=(
            charts.percentiles(
                "Latency of a short hash beside long reports",
                [
                    ("one pool of two workers", one.hashes.load.latency, "bad"),
                    ("two pools of one worker", two.hashes.load.latency, "good"),
                ],
                note=f"A hash takes about {_HASH_MS} ms, a report about {report * 1e3:.0f} ms.",
            ),
            charts.chart(
                "Hashes while far too many reports come",
                "point",
                ("seconds since the load began", "latency of a hash, ms"),
                [("one pool of two workers", _points(one), "bad"), ("two pools of one worker", _points(two), "good")],
                log_y=True,
                rules=[charts.rule(report * 1e3, "one report")],
                note=f"Refused hashes (503) are not drawn: {refused_one} in one pool, {refused_two} in two.",
            ),
            charts.bars(
                "What separation costs",
                ("worker pools", "reports/s"),
                [("reports done", [("one", one.reports.goodput), ("two", two.reports.goodput)], None)],
                note="The worker that is kept for hashes does no reports, however many wait. On cores that others use too, "
                "one worker may do as many reports as two.",
            ),
        ),
        loads=[one.hashes.step, one.hashes_overload.step],
    )


def _finding(found: Reading) -> str:
    return f"""In one pool a hash waited {found.said("one_hash_wait_p50_ms", "ms")} (median) behind reports of
        {found.said("report_ms", "ms")}; in a pool of its own {found.said("two_hash_wait_p90_ms", "ms")} (p90). With too many
        reports the one pool refused {found.said("one_overload_hash_shed")} hashes, the separate ones refused
        {found.said("two_overload_hash_shed")}. Reports done: {found.said("one_report_rps", "/s")} by both workers,
        {found.said("two_report_rps", "/s")} by the one that is left to them."""


def _points(run: _Run) -> list[Point]:
    return charts.in_ms(run.hashes_overload.load.by_start())


EXPERIMENT = Experiment(
    name="separate-workloads",
    title="Long and short work in one pool, or in two",
    order=9,
    expected_s=40,
    question="What do short jobs gain from a worker pool of their own, and what does it cost the long ones?",
    prediction="""In one pool two reports run and two more wait whenever a hash comes, so it waits longer than half a
        report though one worker could do ten times as many hashes. With a worker of its own it only ever waits for
        other hashes. When too many reports come they fill the queue that they share with the hashes, and these are
        refused too; in two pools no hash is.""",
    figures=_FIGURES,
    checks=_CHECKS,
    advice="""Give work of different lengths different pools (`--separate-pools`): every job in a queue waits for its
        slowest jobs. Keep the pool of the long work small, and let it refuse on its own. The price is a worker that
        idles while the other pool is short of one; where that is too much, one pool with a discipline that shares
        fairly between kinds, or with priorities, bounds the wait to the jobs that run already.""",
    collect=_collect,
    finding=_finding,
)
