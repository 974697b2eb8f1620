"""What labels and ledgers in front of an app cost each request."""

from __future__ import annotations

from functools import partial
from statistics import median

from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ..model import Benchmark, Measured
from ..peers import in_front

_BUDGET = 10e-6  # seconds of CPU
_LOOPS = ("asyncio", "trio")


async def _run(stage: Stage) -> Measured:
    requests = stage.count(40_000, quick=10_000)
    contestants: dict[str, Contestant[float]] = {
        loop: partial(alone, partial(in_front.extra_cpu, loop, in_front.LABELS, requests)) for loop in _LOOPS
    }
    found = await stage.in_turn(contestants, stage.rounds(7, quick=3))
    return Measured(
        ratios={loop: [cpu / _BUDGET for cpu in values] for loop, values in found.items()},
        figures={f"{loop}, CPU µs a request": round(1e6 * median(values), 1) for loop, values in found.items()},
    )


BENCHMARK = Benchmark(
    name="labels-cost",
    order=15,
    question=f"How much CPU time do labels and ledgers add to a request, ÷ {_BUDGET * 1e6:.0f} µs?",
    peers=(),
    ratios=_LOOPS,
    goals={loop: Goal(relation="<=", bound=1.0) for loop in _LOOPS},
    run=_run,
)
