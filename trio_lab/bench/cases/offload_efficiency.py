"""How much of the machine is left for the work when it is offloaded through the whole server."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ...cores import usable_cores
from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ...subjects.bare import jobs_per_s
from ..found import standard
from ..model import Benchmark, Measured

_THREADS = 4
_CLIENTS = 20
_PAIRS = {"bare threads": ("/hash", "bare threads"), "bare processes": ("/worker-hash", "bare processes")}


async def _run(stage: Stage) -> Measured:
    cores = usable_cores()  # as many workers as cores: none is left to the loop
    seconds = stage.seconds(10, quick=3)

    async def load(url: str) -> float:
        return (await stage.load(url, connections=_CLIENTS, duration=seconds)).throughput

    def bare(kind: str, count: int) -> Contestant[float]:
        return partial(alone, partial(jobs_per_s, kind, count, seconds))

    async with stage.server("--threads", str(_THREADS), "--workers", str(cores)) as server:
        contestants: dict[str, Contestant[float]] = {
            "/hash": partial(load, server.url + "/hash"),
            "bare threads": bare("threads", _THREADS),
            "/worker-hash": partial(load, server.url + "/worker-hash"),
            "bare processes": bare("processes", cores),
        }
        rates = await stage.in_turn(contestants, stage.rounds(5, quick=3))
    found = Measured.compared(rates, _PAIRS, "{}, jobs/s")
    return replace(found, figures={**found.figures, "threads": _THREADS, "workers": cores})


BENCHMARK = Benchmark(
    name="offload-efficiency",
    order=1,
    question="Of the hashes a second that bare threads and processes compute, how many are left behind /hash and /worker-hash?",
    peers=tuple(map(standard, _PAIRS)),
    ratios=tuple(_PAIRS),
    goals={name: Goal(relation=">=", bound=0.97) for name in _PAIRS},
    run=_run,
)
