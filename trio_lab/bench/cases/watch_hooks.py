"""What the parts of the watch cost by themselves: timing a pass, noting a step, one look with 10 000 tasks in the run.

Each turn of CPU time with a part has one without it as its neighbour. A look is timed as a whole.
"""

from __future__ import annotations

from functools import partial
from statistics import median

from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.stage import Stage
from ..found import package
from ..model import Benchmark, Measured
from ..peers import hooks

_BOUNDS = {  # in microseconds
    "asyncio, passes": 0.5,
    "uvloop, passes": 1.0,
    "asyncio, steps": 0.15,
    "uvloop, steps": 0.5,
    "asyncio, look": 10.0,
    "uvloop, look": 10.0,
    "trio, passes": 2.0,
    "trio, steps": 1.0,
    "trio, look": 10.0,
}
_COUNTS = {"passes": 150_000, "steps": 150_000, "look": 2_000}


async def _run(stage: Stage) -> Measured:
    contestants = {}
    for name in _BOUNDS:
        loop, _, part = name.partition(", ")
        if loop != "uvloop" or loop in stage.peers:
            count = stage.count(_COUNTS[part], quick=_COUNTS[part] // 5)
            contestants[name] = partial(alone, partial(hooks.on_loop, loop, part, count))
    found = await stage.in_turn(contestants, stage.rounds(7, quick=3))
    return Measured(
        ratios={name: [1e6 * cpu / _BOUNDS[name] for cpu in values] for name, values in found.items()},
        figures={f"{name}, µs": round(1e6 * median(values), 3) for name, values in found.items()},
    )


BENCHMARK = Benchmark(
    name="watch-hooks",
    order=17,
    question="What do a timed pass, a noted step and a look of the watch cost, ÷ what each may cost?",
    peers=(package("uvloop"),),
    ratios=tuple(_BOUNDS),
    goals={name: Goal(relation="<=", bound=1.0) for name in _BOUNDS},
    run=_run,
)
