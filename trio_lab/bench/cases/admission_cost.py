"""What an admission in front of an app costs each request that it admits at once."""

from __future__ import annotations

from functools import partial
from statistics import median

from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ..model import Benchmark, Measured
from ..peers import in_front

_BUDGET = 15e-6  # seconds of CPU
_NAMES = tuple(f"{loop}, {policy}" for loop in ("asyncio", "trio") for policy in in_front.ADMISSIONS)


async def _run(stage: Stage) -> Measured:
    requests = stage.count(40_000, quick=10_000)
    contestants: dict[str, Contestant[float]] = {}
    for name in _NAMES:
        loop, _, policy = name.partition(", ")
        contestants[name] = partial(alone, partial(in_front.extra_cpu, loop, policy, requests))
    found = await stage.in_turn(contestants, stage.rounds(7, quick=3))
    return Measured(
        ratios={name: [cpu / _BUDGET for cpu in values] for name, values in found.items()},
        figures={f"{name}, CPU µs a request": round(1e6 * median(values), 1) for name, values in found.items()},
    )


BENCHMARK = Benchmark(
    name="admission-cost",
    order=14,
    question=f"How much CPU time does an admission add to a request that it admits at once, ÷ {_BUDGET * 1e6:.0f} µs?",
    peers=(),
    ratios=_NAMES,
    goals={name: Goal(relation="<=", bound=1.0) for name in _NAMES},
    run=_run,
)
