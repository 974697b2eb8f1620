"""The loop is late for six different reasons, and its own code is at fault for three of them: is each told as what it is?

In a process of its own, with traffic at half of what the loop can do. Varied: the reason. Not the loop's own: two threads
that compute and want the GIL, a collection of garbage over five million objects, SIGSTOP for 300 ms. Its own: one C call
that keeps the GIL, a call that waits, a loop in Python. Ten times each; the cause to which most of the late time was put
counts. 90 % allows for one time in ten at which another program had the core.

The control is a monitor that times passes and knows no more: to it everything is a blocked loop.
"""

from __future__ import annotations

import gc
import os
import subprocess
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from random import Random
from time import perf_counter

import trio

from ...loop.asyncio_loop import open_asyncio_pass_monitor
from ...loop.observe import observe
from ...loop.passes import open_pass_monitor
from ...loop.stalls import BLOCKING_CALL, C_CALL, GC, GIL, NOT_RUNNING, PYTHON, Stall
from ...records.figures import Figures, check
from ...stage.alone import alone
from ...stage.scoring import unexplained
from ...stage.stage import Stage
from ...subjects.planted import Planter
from ..loops import remembered_on, run_on, sleep, traffic_on
from ..model import Drill

_BUDGET = 0.02
_STOPPED = 0.3  # seconds
_HOGS, _HOGGED = 2, 0.5
_BLOCK = 0.15
_CAUSES = {  # and what causes it, as a check says it
    "hogs": (GIL, "two threads that compute"),
    "collection": (GC, "collections of garbage"),
    "stopped": (NOT_RUNNING, "a stopped process"),
    "c_call": (C_CALL, "a C call that keeps the GIL"),
    "waiting": (BLOCKING_CALL, "a call that waits"),
    "python": (PYTHON, "a loop in Python"),
}
Told = Callable[[], list[Stall]]
Trouble = Callable[[], Awaitable[None]]


def in_process(loop: str, rounds: int, objects: int) -> dict[str, float | None]:
    return run_on(loop, _watched, rounds, objects)


def with_passes_only(loop: str, rounds: int, objects: int) -> dict[str, float | None]:
    return run_on(loop, _timed, rounds, objects)


async def _watched(rounds: int, objects: int) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    async with remembered_on(figures):
        planter = Planter(Random(1))
        async with traffic_on(), observe(budget=_BUDGET) as watch:
            found = await _rounds(planter, rounds, objects, watch.stalls)
    return figures | found


async def _timed(rounds: int, objects: int) -> dict[str, float | None]:
    told: list[Stall] = []

    def blocked(began: float, ended: float) -> None:
        told.append(unexplained(began, ended - began, PYTHON))

    planter = Planter(Random(1))
    monitoring = open_pass_monitor() if trio.lowlevel.in_trio_run() else open_asyncio_pass_monitor()
    async with traffic_on(), monitoring as monitor:
        monitor.budget, monitor.on_long = _BUDGET, blocked
        return await _rounds(planter, rounds, objects, lambda: list(told))


async def _rounds(planter: Planter, rounds: int, objects: int, told: Told) -> dict[str, float | None]:
    async def share(kind: str, trouble: Trouble) -> float:
        return 100 * sum([await _told_as(trouble, told) == _CAUSES[kind][0] for _ in range(rounds)]) / rounds

    troubles = {
        "c_call": _planted(planter, "pattern"),
        "waiting": _planted(planter, "nested"),
        "python": _planted(planter, "loop"),
        "stopped": _stopped,
        "hogs": _hogged,
    }
    figures: dict[str, float | None] = {f"{kind}_percent": await share(kind, it) for kind, it in troubles.items()}
    gc.disable()  # or a hundred collections run while these are made
    kept: list[list[object]] = [[] for _ in range(objects)]
    gc.enable()
    figures["collection_percent"] = await share("collection", _collection)
    kept.clear()
    return {"rounds": rounds} | figures


async def _told_as(trouble: Trouble, told: Told) -> str | None:
    """The cause to which most of the time was put that was told of while the trouble lasted."""
    began = perf_counter()
    await trouble()
    ended = perf_counter()
    await sleep(0.05)  # the pass has ended, and what was late is done
    seconds: dict[str, float] = {}
    for stall in told():
        if stall.began < ended and stall.began + stall.duration > began:
            seconds[stall.cause] = seconds.get(stall.cause, 0.0) + stall.duration
    return max(seconds, key=seconds.__getitem__, default=None)


def _planted(planter: Planter, kind: str) -> Trouble:
    async def block() -> None:
        call = planter.plant(kind, _BLOCK)
        await sleep(0.02)  # what it took to make the call is no part of it
        call()

    return block


async def _stopped() -> None:
    """By another process: a stopped process cannot continue itself."""
    command = f"kill -STOP {os.getpid()}; sleep {_STOPPED}; kill -CONT {os.getpid()}"
    with subprocess.Popen(["sh", "-c", command]) as other:  # noqa: ASYNC220  (no time passes until it stops this one)
        while other.poll() is None:
            await sleep(0.02)


async def _hogged() -> None:
    end = perf_counter() + _HOGGED
    hogs = [threading.Thread(target=_compute, args=(end,)) for _ in range(_HOGS)]
    for hog in hogs:
        hog.start()
    while any(hog.is_alive() for hog in hogs):
        await sleep(0.02)


def _compute(end: float) -> None:
    while perf_counter() < end:
        sum(range(1_000))


async def _collection() -> None:
    gc.collect()


async def _inject(loop: str, stage: Stage) -> Figures:
    rounds, objects = stage.count(10, quick=3), stage.count(5_000_000, quick=1_000_000)
    return await alone(partial(in_process, loop, rounds, objects))


def _on(loop: str) -> Drill:
    return replace(
        DRILL,
        inject=partial(_inject, loop),
        control=lambda stage: alone(partial(with_passes_only, loop, rounds=1, objects=1_000_000)),
    )


DRILL = Drill(
    name="not-the-loop",
    number=22,
    gate=False,
    question="The loop is late for six different reasons: is each told under its own name?",
    figures=("rounds", *(f"{kind}_percent" for kind in _CAUSES)),
    checks=tuple(check(claim, f"{kind}_percent", ">=", 90, "%") for kind, (_, claim) in _CAUSES.items()),
    inject=partial(_inject, "trio"),
    control=lambda stage: alone(partial(with_passes_only, "trio", rounds=1, objects=1_000_000)),
    twin="a monitor that times passes and knows no more",
    on_asyncio=_on,
)
