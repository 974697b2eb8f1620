"""Blocks of 5 to 500 ms in a loop that has other work to do: does the watch see them, how long they were, and where?

In a process of its own: the truth is measured around each block, in there, by the same clock. Varied: eight kinds of
blocks at known lines (loops, waits, one of them three calls deep, single C calls with and without the GIL), equally
often, in a random order with a fixed seed, short ones as likely as long ones. Held fixed: traffic at half of what the
loop can do. Then the same traffic without any block, in which nothing may be reported; and CPU time with the watch on and
off, in many short turns. Two programs that share nothing with the lab but the watch run as processes, and each of their
mistakes has to be reported with its line, not with a line of the framework that called it.

99 % of recall and lengths and 95 % of lines leave room for a machine that takes the core away in the middle of a block;
a pass that grew for that reason is reported as "not running" and is no false alarm. The length of a block is told by the
steps of its task, which the watch measures once passes have become long; until then by the whole pass, others' steps
included. The control is what is usually done: a task that sleeps a second and looks how late it is.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import trio

from ... import subjects as programs
from ...diagnose.ratios import ratios
from ...load.client import fetch
from ...loop.observe import observe
from ...loop.stalls import Stall
from ...records.codec import decode
from ...records.figures import Figures, check
from ...stage.alone import alone
from ...stage.scoring import SHORTEST, Score, false_alarms, scored, unexplained
from ...stage.server import serving
from ...stage.stage import Stage
from ...stage.turns import Turns
from ...subjects import planted
from ...subjects.planted import CAUSES, LINES, Block, marked, planned
from ..aftermath import remembered
from ..blocked import Dose, told_by_a_late_task, told_of_all
from ..model import Drill
from ..watched import Traffic, traffic

_BUDGET = SHORTEST
_REST = (0.05, 0.15)  # seconds between two
_LAG_PERIOD = 1.0
_TURN = 0.15  # seconds
_PROGRAMS = ("watched_tcp", "watched_quart")
_QUIET = ("false_alarms_quiet", "false_alarms_signals", "not_running_quiet")


async def in_process(blocks: int, healthy_s: float, rounds: int, seed: int) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    async with remembered(figures), traffic() as busy:
        random = Random(seed)
        plan = planned(blocks, random)
        gc.freeze()  # a garbage collection of what was made for this would be a block that was not planted
        async with observe(budget=_BUDGET) as watch:
            done = await _carry_out(plan, random)
            figures |= asdict(scored(done, watch.stalls(), planted.__file__, LINES, CAUSES))
        plan.clear()
        async with observe(budget=_BUDGET) as watch:
            await trio.sleep(healthy_s)
            healthy, blind = watch.stalls(), watch.blind
        figures |= await _overhead(busy, rounds)
    return figures | {
        "false_alarms_healthy": len(false_alarms(healthy)),
        "not_running_healthy": len(healthy) - len(false_alarms(healthy)),
        "blind": float(blind is not None),
        "capacity_rps": busy.capacity,
    }


async def with_lag_detector(blocks: int, seed: int) -> dict[str, float | None]:
    told: list[Stall] = []

    async def look() -> None:
        while True:
            due = time.perf_counter() + _LAG_PERIOD
            await trio.sleep(_LAG_PERIOD)
            late = time.perf_counter() - due
            if late >= _BUDGET:
                told.append(unexplained(due, late, "late"))

    async with traffic(), trio.open_nursery() as nursery:
        random = Random(seed)
        plan = planned(blocks, random)
        nursery.start_soon(look)
        done = await _carry_out(plan, random)
        nursery.cancel_scope.cancel()
    return asdict(scored(done, told, planted.__file__, LINES, CAUSES))


async def _carry_out(plan: list[Callable[[], Block]], random: Random) -> list[Block]:
    done: list[Block] = []

    async def carry_out(block: Callable[[], Block]) -> None:
        done.append(block())

    async with trio.open_nursery() as nursery:
        for block in plan:
            await trio.sleep(random.uniform(*_REST))
            nursery.start_soon(carry_out, block)
    await trio.sleep(_REST[0])  # the last pass has ended
    return done


async def _overhead(busy: Traffic, rounds: int) -> dict[str, float | None]:
    """By how much more CPU time a request costs with the watch on, in per cent: as it comes, and with the short budget that
    this drill needs. Medians of many turns, because the machine changes speed within a second. The turns are so short that
    the watch's look at itself, twice a second, does not fall into most of them.
    """
    ways: dict[str, Callable[[], AbstractAsyncContextManager[Any]]] = {
        "none": nullcontext,
        "overhead": observe,
        "overhead_short_budget": partial(observe, budget=_BUDGET),
    }

    async def cost(way: str) -> float:
        async with ways[way]():
            return await busy.cost(_TURN)

    costs = await Turns(0.0).take({way: partial(cost, way) for way in ways}, rounds)
    off = costs.pop("none")
    return {f"{way}_percent": 100 * (median(ratios(on, off)) - 1) for way, on in costs.items()}


async def mistakes_of_others() -> dict[str, float]:
    """The mistakes in programs of others that were not told, or not with their line."""
    mistakes, told = 0, 0
    for name in _PROGRAMS:
        source = str(Path(programs.__path__[0], f"{name}.py"))
        async with serving([sys.executable, "-m", f"{programs.__name__}.{name}"]) as server:
            for mistake, lines in marked(source).items():
                known = len(await _stalls(server.url))
                await _ask(server.url, mistake)
                new = (await _stalls(server.url))[known:]
                mistakes += 1
                told += any(stall.filename == source and stall.lineno in lines for stall in new)
    return {"mistakes_of_others": mistakes, "mistakes_of_others_missed": mistakes - told}


async def _stalls(url: str) -> tuple[Stall, ...]:
    return decode(tuple[Stall, ...], await _ask(url, "stalls"))


async def _ask(url: str, word: str) -> bytes:
    if url.startswith("http"):
        return (await fetch(f"{url}/{word}", timeout=30)).body
    said = b""
    stream = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
    async with stream:
        await stream.send_all(word.encode() + b"\n")
        while not said.endswith(b"\n"):
            said += await stream.receive_some()
    return said


async def _inject(stage: Stage) -> Figures:
    play = partial(
        in_process,
        blocks=stage.count(400, quick=100),
        healthy_s=stage.seconds(120, quick=15),
        rounds=stage.count(120, quick=40),
        seed=1,
    )
    figures = await alone(play, limit=900)
    return figures | await mistakes_of_others()


def _on_asyncio(loop: str) -> Drill:
    """In programs of three kinds that share no code with the lab but the watch; what it costs there is `monitor-cost`'s."""

    async def inject(stage: Stage) -> Figures:
        dose = Dose(
            blocks=stage.count(134, quick=24),
            quiet_s=stage.seconds(40, quick=4),
            signals_s=stage.seconds(40, quick=4),
        )
        return await told_of_all(loop, dose)

    return replace(
        DRILL,
        figures=(*(field.name for field in fields(Score)), *_QUIET),
        checks=(
            *DRILL.checks[:2],
            check("told with their line", "line_right_percent", ">=", 99, "%"),
            check("told with their cause", "cause_right_percent", ">=", 95, "%"),
            check("false alarms beside the blocks", "false_alarms", "<=", 0),
            check("false alarms without any block", "false_alarms_quiet", "<=", 0),
            check("false alarms at 27 signals a second", "false_alarms_signals", "<=", 0),
        ),
        inject=inject,
        control=lambda stage: told_by_a_late_task(loop, stage.count(50, quick=25)),
    )


DRILL = Drill(
    name="monitor-truth",
    number=20,
    gate=True,
    question="The loop is blocked for 5 to 500 ms at lines we know: does the watch tell which, and for how long?",
    figures=(
        *(field.name for field in fields(Score)),
        "false_alarms_healthy",
        "not_running_healthy",
        "blind",
        "capacity_rps",
        "overhead_percent",
        "overhead_short_budget_percent",
        "mistakes_of_others",
        "mistakes_of_others_missed",
    ),
    checks=(
        check("blocks of 20 ms and more that were told", "recall_percent", ">=", 99, "%"),
        check("told within 2 ms or 5 %, by the steps of the first offender", "duration_right_percent", ">=", 99, "%"),
        check("told with their line", "line_right_percent", ">=", 95, "%"),
        check("false alarms beside the blocks", "false_alarms", "<=", 0),
        check("false alarms without any block", "false_alarms_healthy", "<=", 0),
        check("blind", "blind", "<=", 0),
        check("CPU time more for a request, watched as it comes", "overhead_percent", "<=", 3, "%"),
        check("mistakes in programs of others without their line", "mistakes_of_others_missed", "<=", 0),
    ),
    inject=_inject,
    control=lambda stage: alone(partial(with_lag_detector, blocks=stage.count(100, quick=50), seed=1)),
    twin="a task that sleeps a second and looks how late it is",
    on_asyncio=_on_asyncio,
)
