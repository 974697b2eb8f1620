"""A hundred clients that wait one second, at a server that can serve half of them in that time."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean
from typing import Any

from ...diagnose.first_full import first_full
from ...records.check import Check, Compared
from ...stage.stage import Loaded, Server, Stage
from .. import charts
from ..model import Collected, Experiment
from ..sizing import rounds_for

_CLIENTS = 100
_PATIENCE = 1.0
_CAPACITY = 45  # replies per second the hash is sized for: the clients want more than twice that
_THREADS = 4
_INTERVAL = 0.5  # seconds to a row of the series
_RUNS, _QUICK_RUNS = 2, 1  # of: capacity, bulkhead, capacity, control


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    capacity_rps: float
    capacity_min_rps: float
    capacity_max_rps: float
    bulkhead_goodput_rps: float
    control_goodput_rps: float
    bulkhead_share: float | None
    control_share: float | None
    bulkhead_shed_rps: float
    bulkhead_left: int
    control_left: int
    bulkhead_wasted: float | None
    control_wasted: float | None
    health_p99_ms: float
    queue_timeout_s: float


def _at_least(seconds: float) -> float:
    """Less than this, and there is nothing to count after the first patience."""
    return max(seconds, _PATIENCE + 2 * _INTERVAL)


async def _capacity(stage: Stage, server: Server, path: str) -> Loaded:
    """What gets done when nobody leaves: a closed workload just large enough to keep the pool busy."""
    return await stage.loaded(
        server, path, connections=8, duration=_at_least(stage.seconds(8, quick=4)), interval=_INTERVAL
    )


async def _impatient(stage: Stage, server: Server, path: str) -> Loaded:
    return await stage.loaded(
        server,
        path,
        connections=_CLIENTS,
        duration=_at_least(stage.seconds(15, quick=5)),
        leave_after=_PATIENCE,
        interval=_INTERVAL,
    )


async def _queue_timeout(server: Server) -> float:
    """The patience less what the service itself takes under load, with some room: who waited longer is served too late."""
    service = (await server.health()).queue("native_pool").service
    assert service is not None
    return max(0.1, _PATIENCE - 2 * service.p90)


def _rows(run: Loaded) -> list[dict[str, Any]]:
    """The whole intervals of a run; what ended after it is not counted."""
    return [row for row in run.load["series"] if row["t"] + _INTERVAL <= run.load["duration_s"] + 1e-6]


def _steady(run: Loaded) -> float:
    """Goodput per second after the first patience: until then nobody has had a reason to leave."""
    rows = [row for row in _rows(run) if row["t"] >= _PATIENCE]
    return float(sum(row["ok"] for row in rows) / (len(rows) * _INTERVAL)) if rows else 0.0


def _curve(runs: list[Loaded]) -> list[tuple[float, float]]:
    """Goodput over time, in replies per second: the mean of the runs in each interval."""
    return [
        (rows[0]["t"], mean(row["ok"] for row in rows) / _INTERVAL) for rows in zip(*map(_rows, runs), strict=False)
    ]


def _wasted(runs: list[Loaded]) -> float | None:
    """The share of the hashes that nobody waited for any more."""
    return (
        mean(found) if (found := [share for run in runs if (share := run.wasted("native_pool")) is not None]) else None
    )


async def _collect(stage: Stage) -> Collected:
    capacities: list[float] = []
    shares: list[float | None] = []
    bulkhead: list[Loaded] = []
    control: list[Loaded] = []
    threads = ("--threads", str(_THREADS))
    async with stage.server(*threads) as plain:
        path = f"/hash?rounds={await rounds_for(plain, per_second=_CAPACITY, threads=_THREADS)}"
        await _capacity(stage, plain, path)
        timeout = await _queue_timeout(plain)
    for _ in range(_QUICK_RUNS if stage.quick else _RUNS):
        async with stage.server(*threads, "--queue-timeout", f"{timeout:.3f}") as guarded:
            before = _steady(await _capacity(stage, guarded, path))
            bulkhead.append(await _impatient(stage, guarded, path))
            after = _steady(await _capacity(stage, guarded, path))
        capacities += [before, after]
        # With the capacity just before and just after: a machine's speed may drift in a minute.
        shares.append(_steady(bulkhead[-1]) * 2 / (before + after) if before + after else None)
        # A server of its own each time: it would go on working through its queue beside whatever is measured next.
        async with stage.server(*threads, "--profile", "naive", "--grace", "0.2") as naive:
            control.append(await _impatient(stage, naive, path))
    capacity = mean(capacities)
    with_bulkhead, without = mean(map(_steady, bulkhead)), mean(map(_steady, control))
    figures = _Figures(
        capacity_rps=capacity,
        capacity_min_rps=min(capacities),
        capacity_max_rps=max(capacities),
        bulkhead_goodput_rps=with_bulkhead,
        control_goodput_rps=without,
        bulkhead_share=mean(found) if (found := [share for share in shares if share is not None]) else None,
        control_share=without / capacity if capacity else None,
        bulkhead_shed_rps=mean(run.load["requests"]["shed"] / run.load["duration_s"] for run in bulkhead),
        bulkhead_left=sum(run.load["requests"]["timed_out"] for run in bulkhead),
        control_left=sum(run.load["requests"]["timed_out"] for run in control),
        bulkhead_wasted=_wasted(bulkhead),
        control_wasted=_wasted(control),
        health_p99_ms=max(run.health_p99_ms for run in bulkhead),
        queue_timeout_s=timeout,
    )
    return Collected(
        figures=figures,
        charts=(
            charts.chart(
                "Goodput over time",
                "line",
                "seconds since the load began",
                "replies in time, per second",
                [
                    charts.series("with bulkhead", _curve(bulkhead), role="good"),
                    charts.series("without (control)", _curve(control), role="bad"),
                ],
                rules=[charts.rule(capacity, f"capacity {capacity:.0f}/s")],
                note=f"{_CLIENTS} clients; each leaves after {_PATIENCE:g} s and comes again. Runs: {len(bulkhead)}.",
            ),
        ),
        first_full=first_full(control[0].samples),
        finding=(
            f"Capacity was {capacity:.1f} replies/s. With the bulkhead {with_bulkhead:.1f}/s were in time "
            f"({figures.bulkhead_share or 0:.0%} of it), without it {without:.1f}/s "
            f"({without / max(capacity, 1e-9):.0%}): the pool then "
            f"works through a queue that is longer than anybody's patience. Refusing is work as well: /health p99 was "
            f"{figures.health_p99_ms:.0f} ms beside the bulkhead's refusals."
        ),
    )


EXPERIMENT = Experiment(
    name="impatient-clients",
    title="Clients that leave",
    order=6,
    expected_s=34,
    question="How much useful work is left when more clients come than can be served before they leave?",
    prediction=(
        "A queue bounded by time refuses in time, a client that leaves takes its place with it, and nearly all of the "
        "capacity stays useful. The control has neither, like the servers of the articles: its queue grows longer than the "
        "clients' patience, it works for clients that have left, and the goodput collapses although it is as busy as before."
    ),
    figures=_Figures,
    checks=(
        Check(
            claim="goodput ÷ capacity with the bulkhead", figure="bulkhead_share", relation=">=", bound=0.9, unit="×"
        ),
        Check(claim="goodput ÷ capacity without it", figure="control_share", relation="<", bound=0.5, unit="×"),
    ),
    advice=(
        "Bound every queue by the time its callers are ready to wait (`--queue-timeout`), not only by number: a reply that "
        "comes after its client has left is work for nobody. Let a client's leaving free its place at once, which Trio's "
        "cancellation does, and answer 503 with Retry-After to those who must come again."
    ),
    collect=_collect,
    compared=(
        Compared(figure="bulkhead_share", label="goodput ÷ capacity, guarded", unit="×", better="higher"),
        Compared(figure="control_share", label="goodput ÷ capacity, naive", unit="×", better="higher"),
        Compared(figure="bulkhead_wasted", label="work for clients that left, guarded", unit="of all", better="lower"),
        Compared(figure="control_wasted", label="work for clients that left, naive", unit="of all", better="lower"),
        Compared(figure="health_p99_ms", label="/health p99 beside the refusals", unit="ms", better="lower"),
    ),
)
