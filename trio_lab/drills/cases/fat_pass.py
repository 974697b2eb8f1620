"""Passes in which no step is long: two thousand tasks of 0.2 ms each, and five thousand callbacks of 20 µs.

Varied: tasks or callbacks. In a process of its own, with the watch as it comes: it measures steps only once passes have
become long, so some passes only wake it up and are not counted. There is no blocking line to find, so the pass has to be
named as what it is, with the tasks that it was made of. Tasks have ten names, and the five that are told must explain the
pass: the other five share one task in forty.

90 % leaves a tenth of the passes for a machine that is busy elsewhere. The control is the watch without its steps: it
cannot say who made the pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Literal

import trio

from ...loop.observe import Watch, observe
from ...loop.stalls import ENTRY_QUEUE, SMALL_STEPS, Stall
from ...records.figures import check
from ...stage.alone import alone
from ..loops import remembered_on, run_on, sleep
from ..model import Drill

_TASKS, _STEP = 2_000, 0.0002
_CALLBACKS, _CALL = 5_000, 0.00002
_NAMES, _RARE = 10, 40  # one task in 40 has one of the last five names
_BUDGET = 0.05
_WAKES = 10  # fat passes after which the steps must be measured


def _spin(seconds: float) -> None:
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


async def _small_step() -> None:
    _spin(_STEP)


def _names() -> Iterator[str]:
    half = _NAMES // 2
    for number in range(_TASKS):
        yield f"kind {number % half + (0 if number % _RARE else half)}"


async def _many_tasks() -> None:
    if trio.lowlevel.in_trio_run():
        async with trio.open_nursery() as nursery:
            for name in _names():
                nursery.start_soon(_small_step, name=name)
    else:
        async with asyncio.TaskGroup() as group:
            for name in _names():
                group.create_task(_small_step(), name=name)


async def _many_callbacks() -> None:
    if trio.lowlevel.in_trio_run():
        done: trio.Event | asyncio.Event = trio.Event()
        call: Callable[..., object] = trio.lowlevel.current_trio_token().run_sync_soon
    else:
        done, call = asyncio.Event(), asyncio.get_running_loop().call_soon_threadsafe
    for _ in range(_CALLBACKS):
        call(partial(_spin, _CALL))
    call(done.set)
    await done.wait()


def in_process(loop: str, rounds: int, steps: bool) -> dict[str, float | None]:
    return run_on(loop, _rounds, rounds, steps)


async def _rounds(rounds: int, steps: bool) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    wanted: Literal["auto"] | bool = "auto" if steps else False
    async with remembered_on(figures), observe(budget=_BUDGET, steps=wanted) as watch:
        for _ in range(_WAKES if steps else 0):
            if not watch.statistics().steps_measured:
                await _many_tasks()
                await sleep(0.6)  # it looks every half second
        fat = [await _longest(watch, _many_tasks) for _ in range(rounds)]
        floods = [await _longest(watch, _many_callbacks) for _ in range(rounds)]
    return figures | {
        "rounds": rounds,
        "passes_named_percent": _named(fat, SMALL_STEPS),
        "floods_named_percent": _named(floods, ENTRY_QUEUE),
        "explained_percent": _explained(fat),
        "pass_ms": 1e3 * max((stall.duration for stall in fat if stall is not None), default=0.0),
    }


async def _longest(watch: Watch, fill: Callable[[], Awaitable[None]]) -> Stall | None:
    began = perf_counter()
    await fill()
    await sleep(0.01)  # the pass has ended
    new = [stall for stall in watch.stalls() if stall.began + stall.duration > began]
    return max(new, key=lambda stall: stall.duration, default=None)


def _named(told: list[Stall | None], cause: str) -> float:
    return 100 * sum(stall is not None and stall.cause == cause for stall in told) / len(told)


def _explained(told: list[Stall | None]) -> float:
    """The share of the passes' time that the five names with the most of it have, in per cent."""
    seen = [stall for stall in told if stall is not None]
    whole = sum(stall.duration for stall in seen)
    return 100 * sum(seconds for stall in seen for _, seconds in stall.top[:5]) / whole if whole else 0.0


def _on(loop: str) -> Drill:
    return replace(
        DRILL,
        inject=lambda stage: alone(partial(in_process, loop, rounds=stage.count(20, quick=5), steps=True)),
        control=lambda stage: alone(partial(in_process, loop, rounds=1, steps=False)),
    )


DRILL = Drill(
    name="fat-pass",
    number=21,
    gate=False,
    question="No step is long, but the pass is: is it told as such, and who made it?",
    figures=("rounds", "passes_named_percent", "floods_named_percent", "explained_percent", "pass_ms"),
    checks=(
        check("passes of 2 000 steps that were named", "passes_named_percent", ">=", 90, "%"),
        check("of their time in the five names told", "explained_percent", ">=", 90, "%"),
        check("floods of callbacks that were named", "floods_named_percent", ">=", 90, "%"),
    ),
    inject=lambda stage: alone(partial(in_process, "trio", rounds=stage.count(20, quick=5), steps=True)),
    control=lambda stage: alone(partial(in_process, "trio", rounds=1, steps=False)),
    twin="the watch without its steps",
    on_asyncio=_on,
)
