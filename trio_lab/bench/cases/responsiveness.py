"""Others' latency while the pools are full: /health beside 20 clients that keep the hashes coming."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial

from ...records.benchmark import Goal
from ...stage.server import Server
from ...stage.stage import Stage
from ...stage.together import both
from ...stage.turns import Contestant
from ..found import NODE
from ..model import Benchmark, Measured

_CLIENTS = 20
_ROUTES = ("/hash", "/worker-hash")
_PAIRS = {f"node {route}": (f"ours {route}", f"node {route}") for route in _ROUTES}


async def _health_p99_ms(stage: Stage, server: Server, route: str, seconds: float) -> float:
    """Load and probe together, each from a process of its own."""
    load, probe = await both(
        partial(stage.load, server.url + route, connections=_CLIENTS, duration=seconds),
        partial(stage.probe, server, duration=seconds),
    )
    if not load.requests.ok or not probe.requests.ok:
        raise RuntimeError(f"no answer to the load or the probe of {route}")
    # From the sending, not from the intended start: on a machine this full the probe itself is late by milliseconds, which
    # is not what is compared here. No probe waits for a connection, so none of a server's delay is lost.
    return probe.service.p99 * 1e3


async def _run(stage: Stage) -> Measured:
    seconds = stage.seconds(10, quick=3)
    contestants: dict[str, Contestant[float]] = {}
    async with AsyncExitStack() as opened:
        servers = {"ours": await opened.enter_async_context(stage.server("--threads", "4"))}
        if "node" in stage.peers:
            servers["node"] = await opened.enter_async_context(stage.server("--threads", "4", runtime="node"))
        for route in _ROUTES:
            for who, server in servers.items():
                contestants[f"{who} {route}"] = partial(_health_p99_ms, stage, server, route, seconds)
        found = await stage.in_turn(contestants, stage.rounds(5, quick=3))
    return Measured.compared(found, _PAIRS, "{}: /health p99, ms")


BENCHMARK = Benchmark(
    name="responsiveness",
    order=2,
    question=f"How late is /health (p99) while {_CLIENTS} clients saturate /hash or /worker-hash, against a node server?",
    peers=(NODE,),
    ratios=tuple(_PAIRS),
    goals={name: Goal(relation="<=", bound=0.5) for name in _PAIRS},
    run=_run,
)
