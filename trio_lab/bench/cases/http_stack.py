"""What our stack costs: /health, with everything it says, against an app that says nothing on the same worker."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from functools import partial

from ...records.benchmark import Goal
from ...stage.server import serving
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ...subjects import stack
from ..found import standard
from ..model import Benchmark, Measured

_CONNECTIONS = 8
_BARE, _LIGHTER, _TWIN = "bare ASGI app", "bare ASGI app on our hypercorn", "asyncio twin"
_PAIRS = {name: ("ours", name) for name in (_BARE, _TWIN, _LIGHTER)}


async def _rate(stage: Stage, url: str, seconds: float) -> float:
    return (await stage.load(url, connections=_CONNECTIONS, duration=seconds)).require_ok().throughput


async def _run(stage: Stage) -> Measured:
    seconds = stage.seconds(5, quick=2)
    async with AsyncExitStack() as servers:
        opened = {
            "ours": stage.server(),
            _BARE: serving(stack.command("trio", "hypercorn")),
            _TWIN: stage.server(runtime="asyncio"),
            _LIGHTER: serving([sys.executable, "-m", "trio_lab.bench.peers.lighter_asgi"]),
        }
        contestants: dict[str, Contestant[float]] = {}
        for name, opening in opened.items():
            url = (await servers.enter_async_context(opening)).url
            path = "/health" if name in ("ours", _TWIN) else ""
            contestants[name] = partial(_rate, stage, url + path, seconds)
        rates = await stage.in_turn(contestants, stage.rounds(5, quick=3))
    return Measured.compared(rates, _PAIRS, "{}, requests/s")


BENCHMARK = Benchmark(
    name="http-stack",
    order=8,
    question=(
        "How many /health a second, against an ASGI app that does nothing on hypercorn's Trio worker, and against the "
        "asyncio twin's /health?"
    ),
    peers=(standard(_BARE), standard(_TWIN)),
    ratios=tuple(_PAIRS),
    goals={_BARE: Goal(relation=">=", bound=0.95), _TWIN: Goal(relation=">=", bound=0.85)},
    run=_run,
)
