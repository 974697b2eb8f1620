"""A hundred clients that wait one second, at a server that can serve half of them in that time."""

from __future__ import annotations

from statistics import median
from typing import Any

from ...diagnose.first_full import first_full
from .. import charts
from ..model import Check, Evidence, Experiment
from ..stage import Server, Stage

_CLIENTS = 100
_PATIENCE = 1.0
# Whoever waited this long may still be served before its patience ends: a hash takes a tenth of a second when four
# share two cores. Refusing earlier would make the same clients come back more often, for nothing.
_QUEUE_TIMEOUT = 0.75
_ROUNDS = 2  # bulkhead, control, bulkhead, control


async def _capacity(stage: Stage, server: Server) -> float:
    """What the server gets done when nobody leaves: a closed workload just large enough to keep the pool busy."""
    found = await stage.load(server.url + "/hash", connections=8, duration=stage.seconds(8, quick=3))
    return float(found["goodput_rps"])


async def _impatient(stage: Stage, server: Server) -> Any:
    return await stage.loaded(
        server, "/hash", connections=_CLIENTS, duration=stage.seconds(15, quick=5), leave_after=_PATIENCE, interval=0.5
    )


def _steady(load: dict[str, Any]) -> float:
    """Goodput per second after the first patience: until then nobody has had a reason to leave."""
    rows = [row for row in load["series"] if _PATIENCE <= row["t"] < load["duration_s"] - 1e-9]
    return float(sum(row["ok"] for row in rows) / (len(rows) * 0.5)) if rows else 0.0


def _curve(runs: list[Any]) -> list[tuple[float, float]]:
    """Goodput over time, in replies per second: the median of the runs in each interval."""
    times = [row["t"] for row in runs[0].load["series"] if row["t"] < runs[0].load["duration_s"] - 1e-9]
    rows = [{row["t"]: row["ok"] / 0.5 for row in run.load["series"]} for run in runs]
    return [(t, median(row.get(t, 0.0) for row in rows)) for t in times]


async def _collect(stage: Stage) -> Evidence:
    capacities, bulkhead, control = [], [], []
    async with (
        stage.server("--queue-timeout", str(_QUEUE_TIMEOUT)) as guarded,
        stage.server("--profile", "naive") as naive,
    ):
        for _ in range(_ROUNDS):
            capacities.append(await _capacity(stage, guarded))
            bulkhead.append(await _impatient(stage, guarded))
            control.append(await _impatient(stage, naive))
    capacity = median(capacities)
    with_bulkhead = median(_steady(run.load) for run in bulkhead)
    without = median(_steady(run.load) for run in control)
    figures = {
        "capacity_rps": capacity,
        "bulkhead_goodput_rps": with_bulkhead,
        "control_goodput_rps": without,
        "bulkhead_share": with_bulkhead / capacity,
        "control_share": without / capacity,
        "bulkhead_shed_rps": median(run.load["requests"]["shed"] / run.load["duration_s"] for run in bulkhead),
        "bulkhead_left": sum(run.load["requests"]["timed_out"] for run in bulkhead),
        "control_left": sum(run.load["requests"]["timed_out"] for run in control),
        "health_p99_ms": max(run.health_p99_ms for run in bulkhead),
    }
    return Evidence(
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
                note=f"{_CLIENTS} clients, each leaves after {_PATIENCE:g} s and comes again. Medians of {_ROUNDS} runs.",
            ),
        ),
        first_full=first_full(control[0].samples),
        finding=(
            f"Capacity was {capacity:.1f} replies/s. With the bulkhead {with_bulkhead:.1f}/s were in time "
            f"({with_bulkhead / capacity:.0%} of it), without it {without:.1f}/s ({without / capacity:.0%}): the pool then "
            f"works through a queue that is longer than anybody's patience."
        ),
    )


EXPERIMENT = Experiment(
    name="impatient-clients",
    title="Clients that leave",
    order=6,
    expected_s=30,
    question="How much useful work is left when more clients come than can be served before they leave?",
    prediction=(
        "A queue bounded by time refuses in time and keeps nearly all of the capacity useful. Without a bound the queue "
        "grows longer than the clients' patience; whoever reaches its head has one foot out of the door, and the "
        "goodput collapses although the pool is as busy as before."
    ),
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
)
