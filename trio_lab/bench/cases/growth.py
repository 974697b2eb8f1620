"""What must not grow: the cost of a place with the length of the queue, the memory of a monitor with time."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from statistics import fmean

from ...records.benchmark import Goal
from ...records.codec import to_plain
from ...stage.alone import alone
from ...stage.launch import Child, talking
from ...stage.stage import Stage
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


def _pairs() -> dict[str, tuple[str, str]]:
    """Each longer queue against the shortest of its kind."""
    return {_name(kind, depth): (_name(kind, depth), _name(kind, DEPTHS[0])) for kind in _KINDS for depth in DEPTHS[1:]}


async def _turn_us(child: Child) -> float:
    return float((await child.ask(str(_TURNS)))["us"])


async def _deep(stage: Stage) -> Measured:
    """All depths at once, each in a process of its own, timed in turn; the others do nothing meanwhile."""
    command = [sys.executable, "-m", waiting.__name__]
    async with AsyncExitStack() as children:
        deep = {
            _name(kind, depth): await children.enter_async_context(talking([*command, kind, str(depth)]))
            for kind in _KINDS
            for depth in DEPTHS
        }
        for child in deep.values():
            await child.hear()
        contestants = {name: partial(_turn_us, child) for name, child in deep.items()}
        await stage.in_turn(contestants, 1)  # the first turn of a task is not like the later ones
        found = await stage.in_turn(contestants, stage.rounds(25, quick=7))
    compared = Measured.compared(found, _pairs(), "{}, µs")
    means = {f"{name}, mean µs": fmean(values) for name, values in found.items()}
    return replace(compared, figures={**compared.figures, **means})


async def _run(stage: Stage) -> Measured:
    deep = await _deep(stage)
    memory = await alone(partial(an_hour, _HOUR[stage.quick]))
    held = {f"monitor, {name.replace('_', ' ')}": value for name, value in to_plain(memory).items()}
    growth = memory.hour_bytes / memory.quarter_bytes
    return Measured(ratios={**deep.ratios, _MONITOR: [growth]}, figures={**deep.figures, **held})


BENCHMARK = Benchmark(
    name="growth",
    order=12,
    question="Does a place cost more behind a long queue than behind a short one, and does a monitor grow with the hours?",
    peers=(),
    ratios=(*_pairs(), _MONITOR),
    goals={
        **{_name("bulkhead", depth): Goal(relation="<=", bound=1.2) for depth in DEPTHS[1:]},
        _MONITOR: Goal(relation="<=", bound=1.05),
    },
    run=_run,
)
