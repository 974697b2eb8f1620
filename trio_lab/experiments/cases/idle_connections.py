"""Thousands of connections that ask for nothing: what do they cost, and does anybody feel them?"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import trio

from ...measure.process import resident_bytes
from ...records.check import Check
from ...stage.idle import idle_connections, possible
from ...stage.stage import Server, Stage
from .. import charts
from ..model import Collected, Experiment

_COUNT, _QUICK_COUNT = 5000, 2000
_KEEP_ALIVE = "600"  # seconds: nobody is closed while we look
_RATE = 200  # /health a second, of each server
_CONNECTIONS = 8
_KB = 1024
_ALONE, _BESIDE = "alone", "beside them"

Percentiles = dict[str, float]


async def _probe(stage: Stage, server: Server) -> Percentiles:
    found = await stage.load(
        server.url + "/health?reset=0", connections=_CONNECTIONS, rate=_RATE, duration=stage.seconds(4, quick=2)
    )
    latency: Percentiles = found["latency_ms"]
    return latency


async def _rounds(stage: Stage, servers: dict[str, Server]) -> list[dict[str, Percentiles]]:
    """Both servers are asked at the same time, so that what else the machine does is done to both."""
    found: list[dict[str, Percentiles]] = []
    for _ in range(3 if stage.quick else 6):
        seen: dict[str, Percentiles] = {}

        async def ask(name: str, seen: dict[str, Percentiles]) -> None:
            seen[name] = await _probe(stage, servers[name])

        async with trio.open_nursery() as nursery:
            for name in servers:
                nursery.start_soon(ask, name, seen)
        found.append(seen)
    return found


def _medians(rounds: list[dict[str, Percentiles]]) -> dict[str, Percentiles]:
    names = ("p50", "p90", "p99", "max")
    return {who: {name: median(seen[who][name] for seen in rounds) for name in names} for who in (_ALONE, _BESIDE)}


def _ratio(rounds: list[dict[str, Percentiles]], name: str) -> float:
    return median(seen[_BESIDE][name] / seen[_ALONE][name] for seen in rounds)


def _resident(server: Server) -> int:
    return resident_bytes(server.process.pid) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    idle_connections: int
    kept_share: float
    health_p99_alone_ms: float
    health_p99_beside_ms: float
    p99_ratio: float
    p50_ratio: float
    memory_each_kb: float


async def _collect(stage: Stage) -> Collected:
    wanted = round((_QUICK_COUNT if stage.quick else _COUNT) * min(1.0, stage.dose))
    count = possible(wanted)
    if count < wanted:
        stage.notes.append(f"only {count} idle connections: more descriptors are not allowed here (ulimit -Hn)")
    flags = ("--keep-alive", _KEEP_ALIVE, "--workers", "1")
    async with stage.server(*flags) as crowded, stage.server(*flags) as alone:
        for server in (crowded, alone):
            await _probe(stage, server)  # what the first requests need, they need once
        before = _resident(crowded)
        async with idle_connections(crowded.url, count) as held:
            each = (_resident(crowded) - before) / count / _KB
            rounds = await _rounds(stage, {_ALONE: alone, _BESIDE: crowded})
            kept = held.alive()
    latency = _medians(rounds)
    figures = _Figures(
        idle_connections=count,
        kept_share=kept / count,
        health_p99_alone_ms=latency[_ALONE]["p99"],
        health_p99_beside_ms=latency[_BESIDE]["p99"],
        p99_ratio=_ratio(rounds, "p99"),
        p50_ratio=_ratio(rounds, "p50"),
        memory_each_kb=each,
    )
    return Collected(
        figures=figures,
        charts=(
            charts.percentiles(
                "Latency of /health",
                [("no other connection", latency[_ALONE], "neutral"), (f"beside {count}", latency[_BESIDE], "good")],
                note="Two servers of the same kind, asked at the same time.",
            ),
        ),
        first_full=None,
        finding=(
            f"Beside {count} idle connections /health p99 was {latency[_BESIDE]['p99']:.1f} ms, beside none "
            f"{latency[_ALONE]['p99']:.1f} ms. Each took {each:.1f} KB of the server's memory, and {kept} were still "
            "open at the end."
        ),
    )


EXPERIMENT = Experiment(
    name="idle-connections",
    title="Five thousand idle connections",
    order=29,
    expected_s=24,
    question="What do connections cost that are open and ask for nothing?",
    prediction=(
        "Memory, and nothing else. What nobody asks for is in no queue: /health beside 5 000 idle connections is as fast "
        "as beside none, and each of them takes at most 20 KB."
    ),
    figures=_Figures,
    checks=(
        Check(claim="/health p99, with ÷ without", figure="p99_ratio", relation="<=", bound=1.3, unit="×"),
        Check(claim="memory of the server for each", figure="memory_each_kb", relation="<=", bound=20, unit="KB"),
        Check(claim="connections still open at the end", figure="kept_share", relation=">=", bound=1),
    ),
    advice=(
        "Do not fear the number of connections; fear the number of requests in flight. Give the process descriptors for "
        "them (`ulimit -n`), multiply their number by what each takes, and close those that are idle for long "
        "(`--keep-alive`) before memory is what ends the server."
    ),
    collect=_collect,
    lab=False,
)
