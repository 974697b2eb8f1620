"""What a second process is worth: the server with two processes against the same server with one.

Both have two threads in their native pools together. Hashes in threads already use both cores with one process, because a hash
holds no GIL; two processes must not be worse. A reply of /health is all Python, so one process has one core for it. Its
client takes as little CPU as it can (`peers.pipelined`), for on two cores what a client takes the second process lacks.

The figures also say how evenly connections are shared out: of 40 that are open together, and of 200 that come one by one.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ..found import standard
from ..model import Benchmark, Measured
from ..peers import pipelined

_ONE, _TWO = "one process", "two processes"
_CONNECTIONS = 8
_OPEN, _SHORT = 40, 200
_PAIRS = {path: (f"{path}, {_TWO}", f"{path}, {_ONE}") for path in ("/health", "/hash")}


async def _hashes(stage: Stage, url: str, seconds: float) -> float:
    return (await stage.load(f"{url}/hash", connections=_CONNECTIONS, duration=seconds)).require_ok().throughput


async def _health(url: str, seconds: float) -> float:
    return await alone(partial(pipelined.rate, url, _CONNECTIONS, seconds))


async def _most(url: str, connections: int, rounds: int) -> float:
    """The share of the process that got most connections: a half, if two are even."""
    found = await alone(partial(pipelined.processes, url, connections, rounds))
    return max(found) / sum(found)


async def _run(stage: Stage) -> Measured:
    seconds = stage.seconds(5, quick=2)
    async with AsyncExitStack() as servers:
        contestants: dict[str, Contestant[float]] = {}
        for name, flags in ((_ONE, ()), (_TWO, ("--processes", "2"))):
            url = (await servers.enter_async_context(stage.server("--threads", "2", "--workers", "1", *flags))).url
            contestants[f"/health, {name}"] = partial(_health, url, seconds)
            contestants[f"/hash, {name}"] = partial(_hashes, stage, url, seconds)
        rates = await stage.in_turn(contestants, stage.rounds(6, quick=3))
        shares = {
            f"share of the process with most of {_OPEN} connections": await _most(url, _OPEN, 1),
            f"share of the process with most of {_SHORT} short connections": await _most(url, 1, _SHORT),
        }
    found = Measured.compared(rates, _PAIRS, "{}, requests/s")
    return Measured(ratios=found.ratios, figures={**found.figures, **shares})


BENCHMARK = Benchmark(
    name="processes",
    order=19,
    question="How many /health and /hash a second does a server with two processes answer, against one with one?",
    peers=(standard(_ONE),),
    ratios=tuple(_PAIRS),
    goals={"/health": Goal(relation=">=", bound=1.6), "/hash": Goal(relation=">=", bound=0.95)},
    run=_run,
)
