"""What a pool costs: jobs that do nothing, so that all the time there is goes into handing them over."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.launch import output_of
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ..found import PEERS, npm, package, standard
from ..model import Benchmark, Measured
from ..peers import python_pools

_CALLERS = 20

_PISCINA, _PARALLEL, _ANYIO = npm("piscina"), package("trio-parallel"), package("anyio")
_EXECUTOR = standard("ProcessPoolExecutor")

# By the name of the ratio (ours, theirs): like is compared with like.
_PAIRS = {
    "piscina": ("ours", "piscina"),
    "piscina, 4 in flight per worker": ("ours", "piscina, 4 in flight"),
    "piscina, 1 in flight per worker": ("ours, 1 in flight", "piscina"),
    "piscina, 1 caller": ("ours, 1 caller", "piscina, 1 caller"),
    "trio-parallel": ("ours", "trio-parallel"),
    "anyio": ("ours", "anyio"),
    "ProcessPoolExecutor": ("ours", "ProcessPoolExecutor"),
}


async def _piscina_pool(callers: int, at_once: int, seconds: float) -> float:
    """Our node file prints jobs per second."""
    program = str(Path(python_pools.__file__).with_name("piscina_pool.mjs"))
    return float(await output_of(["node", program, str(PEERS), str(callers), str(at_once), str(seconds)]))


def _contestants(stage: Stage) -> dict[str, Contestant[float]]:
    seconds = stage.seconds(2, quick=1)

    def pool(name: str, callers: int = _CALLERS, ahead: int | None = None) -> Contestant[float]:
        return partial(alone, partial(python_pools.jobs_per_s, name, callers, ahead, seconds))

    def piscina(callers: int = _CALLERS, at_once: int = 1) -> Contestant[float]:
        return partial(_piscina_pool, callers, at_once, seconds)

    # In this order, so that those that are compared are neighbours.
    every = {
        "piscina": piscina(),
        "ours": pool("trio_lab"),
        "piscina, 4 in flight": piscina(at_once=4),
        "ours, 1 in flight": pool("trio_lab", ahead=1),
        "trio-parallel": pool("trio-parallel"),
        "anyio": pool("anyio"),
        "ProcessPoolExecutor": pool("ProcessPoolExecutor"),
        "ours, 1 caller": pool("trio_lab", callers=1),
        "piscina, 1 caller": piscina(callers=1),
    }
    return {name: run for name, run in every.items() if name.partition(",")[0] in ("ours", *stage.peers)}


async def _run(stage: Stage) -> Measured:
    rates = await stage.in_turn(_contestants(stage), stage.rounds(5, quick=3))
    return Measured.compared(rates, _PAIRS, "{}, jobs/s")


BENCHMARK = Benchmark(
    name="dispatch",
    order=4,
    question=(
        f"How many jobs a second that do nothing, two workers, {_CALLERS} callers, with deadlines, statistics and restart "
        "on, against other pools?"
    ),
    peers=(_PISCINA, _PARALLEL, _ANYIO, _EXECUTOR),
    ratios=tuple(_PAIRS),
    goals={
        "piscina": Goal(relation=">=", bound=2.0),
        "trio-parallel": Goal(relation=">=", bound=8.0),
        "piscina, 1 in flight per worker": Goal(relation=">=", bound=1.0),
    },
    run=_run,
)
