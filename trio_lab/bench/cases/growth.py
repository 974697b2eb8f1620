"""What must not grow: the cost of a place with the length of the queue, the memory of a monitor with time."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from functools import partial
from statistics import fmean, median

from ...diagnose.ratios import ratios
from ...records.benchmark import Goal
from ...records.codec import to_plain
from ...stage.alone import alone
from ...stage.launch import Child, talking
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ..model import Benchmark, Measured
from ..peers import waiting
from ..peers.hour import an_hour

DEPTHS = (10, 1_000, 100_000)
_KINDS = ("bulkhead", "bare")
_MONITOR = "monitor after a quarter of an hour"
_TURNS = 2_000  # in one round: some 80 ms, so that a round is hit by a full garbage collection or is not
_HOUR = {True: 100, False: 1_000}  # passes per second of virtual time, quick or not


def _name(kind: str, depth: int) -> str:
    return f"{depth} waiting" if kind == "bulkhead" else f"bare: {depth} waiting"


async def _turn_us(child: Child) -> float:
    return float((await child.ask(str(_TURNS)))["us"])


async def _deep(stage: Stage) -> Measured:
    """All depths at once, each in a process of its own, timed in turn; the others do nothing meanwhile."""
    queues = [(kind, depth) for kind in _KINDS for depth in DEPTHS]
    contestants: dict[str, Contestant[float]] = {}
    deep: list[Child] = []
    async with AsyncExitStack() as children:
        for kind, depth in queues:
            child = await children.enter_async_context(
                talking([sys.executable, "-m", waiting.__name__, kind, str(depth)])
            )
            contestants[_name(kind, depth)] = partial(_turn_us, child)
            deep.append(child)
        for child in deep:
            await child.hear()
        await stage.in_turn(contestants, 1)  # the first turn of a task is not like the later ones
        found = await stage.in_turn(contestants, stage.rounds(25, quick=7))
    first = {kind: found[_name(kind, DEPTHS[0])] for kind in _KINDS}
    return Measured(
        ratios={_name(kind, n): ratios(found[_name(kind, n)], first[kind]) for kind, n in queues if n != DEPTHS[0]},
        figures={f"{name}, µs": median(values) for name, values in found.items()}
        | {f"{name}, mean µs": fmean(values) for name, values in found.items()},
    )


async def _run(stage: Stage) -> Measured:
    deep = await _deep(stage)
    memory = await alone(partial(an_hour, _HOUR[stage.quick]))
    growth = memory.hour_bytes / memory.quarter_bytes
    return Measured(
        ratios={**deep.ratios, _MONITOR: [growth]},
        figures={
            **deep.figures,
            **{f"monitor, {name.replace('_', ' ')}": value for name, value in to_plain(memory).items()},
        },
    )


BENCHMARK = Benchmark(
    name="growth",
    order=12,
    question="Does a place cost more behind a long queue than behind a short one, and does a monitor grow with the hours?",
    peers=(),
    ratios=(*(_name(kind, depth) for kind in _KINDS for depth in DEPTHS[1:]), _MONITOR),
    goals={
        **{_name("bulkhead", depth): Goal(relation="<=", bound=1.2) for depth in DEPTHS[1:]},
        _MONITOR: Goal(relation="<=", bound=1.05),
    },
    run=_run,
)
