"""What our stack costs: /health, with everything it says, against an app that says nothing on the same worker."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from functools import partial
from statistics import median

from ...diagnose.ratios import ratios
from ...records.benchmark import Goal
from ...stage.stage import Stage
from ...subjects import stack
from ..found import standard
from ..model import Benchmark, Measured
from ..stand import Contestant, Stand

_CONNECTIONS = 8
_BARE, _LIGHTER, _TWIN = "bare ASGI app", "bare ASGI app on our hypercorn", "asyncio twin"


async def _rate(stand: Stand, url: str, seconds: float) -> float:
    found = await stand.stage.load(url, connections=_CONNECTIONS, duration=seconds)
    if unanswered := found["requests"]["sent"] - found["requests"]["ok"]:
        raise RuntimeError(f"{unanswered} requests were not answered with 200")
    return float(found["throughput_rps"])


async def _run(stand: Stand) -> Measured:
    seconds = stand.seconds(5, quick=2)
    python = partial(stand.stage.serving, sys.executable, "-m")
    async with AsyncExitStack() as servers:
        opened = {
            "ours": stand.stage.server(),
            _BARE: python(stack.__name__, "trio", "hypercorn"),
            _TWIN: Stage(quick=stand.quick, runtime="asyncio").server(),
            _LIGHTER: python("trio_lab.bench.peers.lighter_asgi"),
        }
        contestants: dict[str, Contestant] = {}
        for name, opening in opened.items():
            url = (await servers.enter_async_context(opening)).url
            path = "/health" if name in ("ours", _TWIN) else ""
            contestants[name] = partial(_rate, stand, url + path, seconds)
        rates = await stand.in_turn(contestants, stand.rounds())
    return Measured(
        ratios={name: ratios(rates["ours"], theirs) for name, theirs in rates.items() if name != "ours"},
        figures={f"{name}, requests/s": round(median(values)) for name, values in rates.items()},
    )


BENCHMARK = Benchmark(
    name="http-stack",
    order=8,
    question=(
        "How many /health a second, against an ASGI app that does nothing on hypercorn's Trio worker, and against the "
        "asyncio twin's /health?"
    ),
    peers=(standard(_BARE), standard(_TWIN)),
    ratios=(_BARE, _TWIN, _LIGHTER),
    goals={_BARE: Goal(relation=">=", bound=0.95), _TWIN: Goal(relation=">=", bound=0.85)},
    run=_run,
)
