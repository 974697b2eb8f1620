"""Who else is served while the pools are full: /health beside 20 clients that keep the hashes coming."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AsyncExitStack
from functools import partial
from statistics import median
from typing import Any

import trio

from ...diagnose.ratios import ratios
from ...records.benchmark import Goal
from ..found import NODE
from ..model import Benchmark, Measured
from ..stand import Contestant, Stand

_CLIENTS = 20
_PROBE_RATE = 50.0  # requests per second
_PROBE_CONNECTIONS = 50  # a probe is never late because an earlier one still waits
_ROUTES = ("/hash", "/worker-hash")


async def _health_p99_ms(stand: Stand, url: str, route: str, seconds: float) -> float:
    """Load and probe together, each from a process of its own."""
    found: dict[str, dict[str, Any]] = {}

    async def keep(name: str, load: Awaitable[dict[str, Any]]) -> None:
        found[name] = await load

    async with trio.open_nursery() as nursery:
        load = stand.stage.load(url + route, connections=_CLIENTS, duration=seconds)
        nursery.start_soon(keep, "load", load)
        probe = stand.stage.load(
            url + "/health?reset=0", connections=_PROBE_CONNECTIONS, rate=_PROBE_RATE, duration=seconds
        )
        nursery.start_soon(keep, "probe", probe)
    for name, result in found.items():
        if not result["requests"]["ok"]:
            raise RuntimeError(f"no answer to the {name} of {route}")
    # From the sending, not from the intended start: on a machine this full the probe itself is late by milliseconds, which
    # is nobody's doing that is compared here. No probe waits for a connection, so none of a server's delay is lost.
    return float(found["probe"]["service_ms"]["p99"])


async def _run(stand: Stand) -> Measured:
    seconds = stand.seconds(10, quick=3)
    contestants: dict[str, Contestant] = {}
    async with AsyncExitStack() as servers:
        urls = {"ours": (await servers.enter_async_context(stand.stage.server("--threads", "4"))).url}
        if stand.has("node"):
            urls["node"] = await servers.enter_async_context(stand.node_server())
        for route in _ROUTES:
            for who, url in urls.items():
                contestants[f"{who} {route}"] = partial(_health_p99_ms, stand, url, route, seconds)
        found = await stand.in_turn(contestants, stand.rounds())
    return Measured(
        ratios={
            f"node {route}": ratios(found[f"ours {route}"], found[f"node {route}"])
            for route in _ROUTES
            if stand.has("node")
        },
        figures={f"{name}: /health p99, ms": median(values) for name, values in found.items()},
    )


BENCHMARK = Benchmark(
    name="responsiveness",
    order=2,
    question=f"How late is /health (p99) while {_CLIENTS} clients saturate /hash or /worker-hash, against a node server?",
    peers=(NODE,),
    ratios=tuple(f"node {route}" for route in _ROUTES),
    goals={f"node {route}": Goal(relation="<=", bound=0.5) for route in _ROUTES},
    run=_run,
)
