"""A load and what is asked of it: its figures with intervals, its objectives, and its comparison with an earlier load."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated

from ..diagnose.baseline import Better, compared, other_machine
from ..diagnose.client_figures import client_figures
from ..diagnose.server_figures import server_figures
from ..diagnose.slo import judged, needs_the_server
from ..errors import UsageError
from ..load.inside import Inside, watch_inside
from ..load.parts import stage_name
from ..load.plan import SHORTEST_INTERVAL, LoadPlan
from ..load.results import LoadRun
from ..load.target import Target, resolve
from ..records.codec import In, to_plain
from ..records.load import Part
from ..records.reading import read
from ..records.slo import FIGURES, Estimate, Objective, SloResult
from .gate import Gate, with_verdict

_SLICES = 10  # rows that the series of a judged load has at least: the intervals come from their differences
_SHORT = 0.1  # seconds for a row of a load that ends after a number of requests: how long it takes is not known
_ALWAYS_COMPARED = ("p50", "ok")  # two runs of the same program agree in these; in a p99 they seldom do


def judgeable(plan: LoadPlan) -> LoadPlan:
    """The plan with rows that are short enough for intervals."""
    most = _SHORT if plan.requests else max(plan.span / _SLICES, SHORTEST_INTERVAL)
    return replace(plan, interval=min(plan.interval, most))


@asynccontextmanager
async def watched(gate: Gate | None, plan: LoadPlan) -> AsyncIterator[Inside | None]:
    """Look into the server while the block runs, if an objective is about what only the server knows.

    Raises:
        UsageError: the server may not be loaded, so it is not asked for anything either.
    """
    if gate is None or not needs_the_server(gate.objectives):
        yield None
    elif plan.unix_socket:
        yield Inside(blind="over a Unix socket /health is not read")
    else:
        await resolve(Target.parse(plan.url), plan.own_this)
        async with watch_inside(plan.url, insecure=plan.insecure) as inside:
            yield inside


def figures_of(run: LoadRun, inside: Inside | None) -> tuple[Estimate, ...]:
    """Everything that was measured, with intervals."""
    seen = client_figures(run.result, run.slices)
    return seen if inside is None else (*seen, *server_figures(inside.looks, inside.blind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The part of an earlier load's JSON that is compared."""

    url: str
    connections: int
    offered: Annotated[float | None, In(suffix="_rps")]
    figures: tuple[Estimate, ...]
    urls: tuple[Part, ...] | None = None
    stages: tuple[Part, ...] | None = None
    machine_speed: float | None = None


def baseline_of(gate: Gate, plan: LoadPlan) -> Saved | None:
    """The earlier load, if there is one.

    Raises:
        UsageError: it is not of such a load, or nothing at all is asked of this one.
    """
    if gate.baseline is None:
        if not gate.objectives:
            raise UsageError("--junit needs a verdict: say --slo or --baseline, too")
        return None
    if "figures" not in gate.baseline:
        raise UsageError("the baseline has no figures with intervals: save one with trio-lab load --json")
    saved = read(Saved, gate.baseline, "baseline")
    urls = [part.name for part in saved.urls] if saved.urls else [saved.url]
    then = {
        "path": _paths(urls),
        "connections": saved.connections,
        "rate": saved.offered,
        "stages": ",".join(part.name for part in saved.stages or ()) or None,
    }
    mine = {
        "path": _paths(url for url, _ in plan.mix),
        "connections": plan.connections,
        "rate": plan.mean_rate,
        "stages": ",".join(map(stage_name, plan.stages)) if len(plan.stages) > 1 else None,
    }
    for name, value in mine.items():
        if then[name] != value:
            raise UsageError(f"the baseline is of another load: its {name} is {then[name]}, not {value}")
    return saved


def _paths(urls: Iterable[str]) -> str:
    return " and ".join(Target.parse(url).path for url in urls)


def asked_of(
    gate: Gate, saved: Saved | None, figures: tuple[Estimate, ...], *, seconds: float, speed: float
) -> tuple[Objective, ...]:
    """The objectives of a load of so many seconds, judged, and the comparisons with the baseline."""
    objectives = judged(gate.objectives, figures, seconds=seconds)
    if saved is None:
        return objectives
    rates = () if saved.offered else ("goodput",)  # with a rate, the rate decides it
    wanted = (*_ALWAYS_COMPARED, *rates, *(one.figure for one in objectives if not one.skipped))
    better: dict[str, Better] = {name: FIGURES[name].better for name in wanted}
    unlike = other_machine(saved.machine_speed, speed)
    return (*objectives, *compared(saved.figures, figures, better, unlike=unlike))


def in_json(run: LoadRun, figures: tuple[Estimate, ...], speed: float, verdict: SloResult | None) -> str:
    """What ``--json`` prints: the load, its figures with intervals, and the verdict if there is one."""
    measured = {"figures": [to_plain(one) for one in figures], "machine_speed": round(speed, 2)}
    return with_verdict(run.result, verdict, measured)
