"""What the watch costs: requests a second of one process, watched and not, in turn.

A Quart app with one small route stands for a service; a plain server on sockets, where a request is cheapest, is where a
hook weighs most. On Trio both, on asyncio and on uvloop the plain one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from statistics import median

import trio

from ...diagnose.ratios import order_of_round, ratios
from ...records.benchmark import Goal
from ...records.load import LoadResult
from ...stage.launch import Child, talking
from ...stage.load_step import began, ends_of
from ...stage.stage import Stage
from ...stage.together import both
from ..found import package
from ..model import Benchmark, Measured
from ..peers import watched_server

_CONNECTIONS = 8
# Seconds. The machine changes speed within seconds, by as much as ten times what is to be measured. So the ways to be watched
# change during one load, and one way is soon after another. They end before the watch looks for the first time whether a task
# spins, for which it measures steps over a full loop: half a second, twice a minute at most.
_SETTLE, _TURN = 0.1, 0.3
_LEAD = 0.5
_ROW = 0.02
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


@dataclass(frozen=True)
class _Turn:
    """One turn under load: its begin and its end in Trio's time, and the CPU seconds of the server within it."""

    begin: float
    end: float
    cpu: float


@dataclass(frozen=True)
class _Figures:
    """Requests a second, and CPU seconds of the server for each."""

    rate: float
    cpu: float


Turns = dict[str, list[_Figures]]


async def _take_turns(child: Child, seconds: float) -> dict[str, list[_Turn]]:
    """Each way once a round, and as many rounds as there is time for, from `_LEAD` seconds after the begin of the load."""
    found: dict[str, list[_Turn]] = {way: [] for way in watched_server.WAYS}
    await trio.sleep(_LEAD)
    over, round_took = trio.current_time() + seconds, 0.0
    for number in count():
        round_began = trio.current_time()
        if round_began + 1.5 * round_took > over:
            break
        for way in order_of_round([*found], number):
            await child.ask(way)
            await trio.sleep(_SETTLE)
            used, begin = (await child.ask("used"))["cpu_s"], trio.current_time()
            await trio.sleep(_TURN)
            end = trio.current_time()
            found[way].append(_Turn(begin, end, (await child.ask("used"))["cpu_s"] - used))
        round_took = trio.current_time() - round_began
    await child.ask("off")
    return found


async def _under_load(stage: Stage, child: Child, url: str, seconds: float) -> Turns:
    asked = trio.current_time()

    async def load() -> tuple[LoadResult, float]:
        result = await stage.load(url, connections=_CONNECTIONS, duration=2 * _LEAD + seconds, interval=_ROW)
        return result.require_ok(), began(asked, trio.current_time(), result)

    turns, (result, begin) = await both(partial(_take_turns, child, seconds), load)
    return {way: [_figures(turn, result, begin) for turn in some] for way, some in turns.items()}


def _figures(turn: _Turn, result: LoadResult, begin: float) -> _Figures:
    """Of the rows of the load that lie within the turn, with two to spare on both sides: its begin is not known exactly."""
    first, last = turn.begin - begin + 2 * _ROW, turn.end - begin - 2 * _ROW
    rows = [
        row.ok for row, ends in zip(result.series, ends_of(result), strict=True) if first <= row.start and ends <= last
    ]
    rate = sum(rows) / (len(rows) * _ROW)
    return _Figures(rate, turn.cpu / (turn.end - turn.begin) / rate)


async def _run(stage: Stage) -> Measured:
    found: dict[str, list[float]] = {}
    figures: dict[str, float | None] = {}
    for layer in [layer for layer in _LAYERS if layer != "uvloop" or layer in stage.peers]:
        loads = await _layer(stage, layer)
        for way in watched_server.WAYS:
            cpu = median(one.cpu for load in loads for one in load[way])
            figures[f"{layer}, {way}, CPU µs a request"] = round(1e6 * cpu, 1)
            if way != "off":
                found[f"{layer}, {way}"] = [_ratio(load[way], load["off"], lambda one: one.rate) for load in loads]
                found[f"{layer}, {way}, by CPU time"] = [
                    _ratio(load["off"], load[way], lambda one: one.cpu) for load in loads
                ]
        figures[f"{layer}, off, requests/s"] = round(median(one.rate for load in loads for one in load["off"]))
    return Measured(ratios=found, figures=figures)


def _ratio(ours: list[_Figures], theirs: list[_Figures], figure: Callable[[_Figures], float]) -> float:
    """Over the turns of one load."""
    return median(ratios([*map(figure, ours)], [*map(figure, theirs)]))


async def _layer(stage: Stage, layer: str) -> list[Turns]:
    seconds = stage.seconds(16, quick=5)
    async with talking([sys.executable, "-m", watched_server.__name__, *_LAYERS[layer]]) as child:
        url = (await child.hear())["url"]
        loads = {layer: partial(_under_load, stage, child, url, seconds)}
        return (await stage.in_turn(loads, stage.rounds(7, quick=3)))[layer]


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
