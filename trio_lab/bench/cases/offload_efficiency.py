"""How much of the machine is left for the work when it is offloaded through the whole server."""

from __future__ import annotations

from functools import partial
from statistics import median

from ...cores import usable_cores
from ...diagnose.ratios import ratios
from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ...subjects.bare import jobs_per_s
from ..found import standard
from ..model import Benchmark, Measured

_THREADS = 4
_CLIENTS = 20


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
    return Measured(
        ratios={
            "bare threads": ratios(rates["/hash"], rates["bare threads"]),
            "bare processes": ratios(rates["/worker-hash"], rates["bare processes"]),
        },
        figures={f"{name}, jobs/s": median(values) for name, values in rates.items()}
        | {"threads": _THREADS, "workers": cores},
    )


BENCHMARK = Benchmark(
    name="offload-efficiency",
    order=1,
    question="Of the hashes a second that bare threads and processes compute, how many are left behind /hash and /worker-hash?",
    peers=(standard("bare threads"), standard("bare processes")),
    ratios=("bare threads", "bare processes"),
    goals={
        "bare threads": Goal(relation=">=", bound=0.97),
        "bare processes": Goal(relation=">=", bound=0.97),
    },
    run=_run,
)
