"""What the watch costs: requests a second of one process, watched and not, in turn.

A Quart app with one small route stands for a service; a plain server on sockets, where a request is cheapest, is where a
hook weighs most. On Trio both, on asyncio and on uvloop the plain one.
"""

from __future__ import annotations

import sys
from functools import partial
from statistics import median

from ...diagnose.ratios import ratios
from ...records.benchmark import Goal
from ...stage.launch import Child, talking
from ...stage.stage import Stage
from ..found import package
from ..model import Benchmark, Measured
from ..peers import watched_server

_CONNECTIONS = 8
# Seconds. A watch over a full loop that has just begun measures steps for half a second, to find out whether a task spins, and
# does that again twice a minute at most. In turns of three seconds it would be a sixth of the time.
_SETTLE = 1.2
_LAYERS = {
    "quart": ("quart", "trio"),
    "sockets": ("sockets", "trio"),
    "asyncio": ("sockets", "asyncio"),
    "uvloop": ("sockets", "uvloop"),
}
_GOALS = {
    "quart, passes": 0.99,
    "quart, passes and steps": 0.95,
    "sockets, passes and steps": 0.95,
    **{f"quart, the whole watch{by}": 0.98 for by in ("", ", by CPU time")},
    **{f"sockets, the whole watch{by}": 0.96 for by in ("", ", by CPU time")},
    "asyncio, the whole watch": 0.98,
    "uvloop, the whole watch": 0.98,
}


async def _turn(stage: Stage, child: Child, url: str, way: str, seconds: float) -> tuple[float, float]:
    """Requests a second, and CPU seconds of the server for each, once the watch has settled."""
    await child.ask(way)
    await stage.load(url, connections=_CONNECTIONS, duration=_SETTLE)
    before = (await child.ask("used"))["cpu_s"]
    found = await stage.load(url, connections=_CONNECTIONS, duration=seconds)
    used = (await child.ask("used"))["cpu_s"] - before
    return found.require_ok().throughput, used / found.requests.ok


async def _run(stage: Stage) -> Measured:
    found: dict[str, list[float]] = {}
    figures: dict[str, float | None] = {}
    for layer in [layer for layer in _LAYERS if layer != "uvloop" or layer in stage.peers]:
        turns = await _layer(stage, layer)
        off = turns.pop("off")
        figures[f"{layer}, off, requests/s"] = round(median(rps for rps, _ in off))
        figures[f"{layer}, off, CPU µs a request"] = round(1e6 * median(cpu for _, cpu in off), 1)
        for way, on in turns.items():
            found[f"{layer}, {way}"] = ratios([rps for rps, _ in on], [rps for rps, _ in off])
            found[f"{layer}, {way}, by CPU time"] = ratios([cpu for _, cpu in off], [cpu for _, cpu in on])
            figures[f"{layer}, {way}, CPU µs a request"] = round(1e6 * median(cpu for _, cpu in on), 1)
    return Measured(ratios=found, figures=figures)


async def _layer(stage: Stage, layer: str) -> dict[str, list[tuple[float, float]]]:
    seconds = stage.seconds(3, quick=1)
    async with talking([sys.executable, "-m", watched_server.__name__, *_LAYERS[layer]]) as child:
        url = (await child.hear())["url"]
        contestants = {way: partial(_turn, stage, child, url, way, seconds) for way in watched_server.WAYS}
        return await stage.in_turn(contestants, stage.rounds(7, quick=3))


BENCHMARK = Benchmark(
    name="monitor-cost",
    order=7,
    question="How many requests a second does a server answer when it is watched, against when it is not?",
    peers=(package("uvloop"),),
    ratios=tuple(
        f"{layer}, {way}{by}"
        for layer in _LAYERS
        for way in watched_server.WAYS
        if way != "off"
        for by in ("", ", by CPU time")
    ),
    goals={name: Goal(relation=">=", bound=bound) for name, bound in _GOALS.items()},
    run=_run,
)
