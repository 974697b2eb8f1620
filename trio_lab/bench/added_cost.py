"""Benchmarks of what something in front of an app adds to a request, in CPU time, as a share of a budget."""

from __future__ import annotations

from functools import partial
from statistics import median

from ..records.benchmark import Goal
from ..stage.alone import alone
from ..stage.stage import Stage
from ..stage.turns import Contestant
from .model import Benchmark, Measured
from .peers import in_front


def added_cost(
    *, name: str, order: int, question: str, budget: float, contestants: dict[str, tuple[str, str]]
) -> Benchmark:
    """``contestants``: for each ratio, the event loop and what is in front. ``budget`` is in seconds a request; ``question`` is
    asked about it."""

    async def run(stage: Stage) -> Measured:
        requests = stage.count(40_000, quick=10_000)
        turns: dict[str, Contestant[float]] = {
            one: partial(alone, partial(in_front.extra_cpu, loop, front, requests))
            for one, (loop, front) in contestants.items()
        }
        found = await stage.in_turn(turns, stage.rounds(7, quick=3))
        return Measured(
            ratios={one: [cpu / budget for cpu in values] for one, values in found.items()},
            figures={f"{one}, CPU µs a request": round(1e6 * median(values), 1) for one, values in found.items()},
        )

    return Benchmark(
        name=name,
        order=order,
        question=f"{question}, ÷ {budget * 1e6:.0f} µs?",
        peers=(),
        ratios=tuple(contestants),
        goals={one: Goal(relation="<=", bound=1.0) for one in contestants},
        run=run,
    )
