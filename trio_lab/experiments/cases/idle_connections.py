"""Thousands of connections that ask for nothing: what do they cost, and do other requests feel them?

Varied: idle connections at one of two servers of the same kind. Both are asked for /health at the same time, so that what
else the machine does is done to both; figures and ratios are medians of rounds. Each gets some requests first, so that
one-time costs are not measured, and no connection is closed for idleness during the run.

epoll does not visit silent connections; two p99s of one machine differ by up to 0.3, hence 1.3. Two tasks with their
coroutines, a parser and a socket take some kilobytes each, hence 20 KB. Unless all connections are still open at the end,
something else was measured. Fewer connections than wanted, for want of descriptors, are noted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...measure.process import resident_bytes
from ...records.figures import Measures, check, measured
from ...records.load import Latencies
from ...stage.idle import idle_connections, possible
from ...stage.server import Server
from ...stage.stage import Stage
from ...stage.together import both
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_COUNT, _QUICK_COUNT = 5000, 2000
_KEEP_ALIVE = "600"  # seconds
_RATE = 200  # /health a second, of each server
_CONNECTIONS = 8
_KB = 1024


@dataclass(frozen=True, slots=True)
class _Found:
    """/health at the server without, and at that with idle connections."""

    count: int
    kept: int
    memory_each: float
    alone: Latencies
    beside: Latencies


_FIGURES: Measures[_Found] = {
    "idle_connections": lambda found: found.count,
    "kept_share": lambda found: found.kept / found.count,
    "health_p99_alone_ms": lambda found: found.alone.p99 * 1e3,
    "health_p99_beside_ms": lambda found: found.beside.p99 * 1e3,
    "p99_ratio": lambda found: found.beside.p99 / found.alone.p99,
    "p50_ratio": lambda found: found.beside.p50 / found.alone.p50,
    "memory_each_kb": lambda found: found.memory_each / _KB,
}


async def _probe(stage: Stage, server: Server) -> Latencies:
    url, seconds = f"{server.url}/health?reset=0", stage.seconds(4, quick=1.2)
    return (await stage.load(url, connections=_CONNECTIONS, rate=_RATE, duration=seconds)).latency


def _resident(server: Server) -> int:
    return resident_bytes(server.pid) or 0


async def _collect(stage: Stage) -> Collected:
    wanted = stage.count(_COUNT, quick=_QUICK_COUNT) if stage.dose < 1 else _QUICK_COUNT if stage.quick else _COUNT
    count = possible(wanted)
    if count < wanted:
        stage.notes.append(f"only {count} idle connections: more descriptors are not allowed here (ulimit -Hn)")
    flags = ("--keep-alive", _KEEP_ALIVE, "--workers", "1")
    async with stage.server(*flags) as crowded, stage.server(*flags) as empty:
        probes = partial(_probe, stage, empty), partial(_probe, stage, crowded)
        await both(*probes)
        before = _resident(crowded)
        async with idle_connections(crowded.url, count) as held:
            each = (_resident(crowded) - before) / count
            found = _Found(count, held.alive(), each, *await both(*probes))
    alone, beside = found.alone, found.beside
    return Collected(
        figures=measured(_FIGURES, found),
        charts=(
            charts.percentiles(
                "Latency of /health",
                [("no other connection", alone, "neutral"), (f"beside {count}", beside, "good")],
                note="Two servers of the same kind, asked at the same time.",
            ),
        ),
    )


def _finding(found: Reading) -> str:
    return f"""Beside {found.said("idle_connections")} idle connections /health p99 was
        {found.said("health_p99_beside_ms", "ms")}, without them {found.said("health_p99_alone_ms", "ms")}. Each took
        {found.said("memory_each_kb", "KB")} of the server's memory; still open at the end, as a share of them:
        {found.said("kept_share")}."""


EXPERIMENT = Experiment(
    name="idle-connections",
    title="Five thousand idle connections",
    order=29,
    expected_s=24,
    question="What do open connections cost that send no requests?",
    prediction="""Memory, and nothing else. A connection without a request is in no queue: /health beside 5 000 idle
        connections is as fast as beside none, and each of them takes at most 20 KB.""",
    figures=_FIGURES,
    checks=(
        check("/health p99, with ÷ without", "p99_ratio", "<=", 1.3, "×"),
        check("memory of the server for each", "memory_each_kb", "<=", 20, "KB"),
        check("connections still open at the end", "kept_share", ">=", 1, exact=True),
    ),
    advice="""Do not fear the number of connections; fear the number of requests in flight. Give the process descriptors
        for them (`ulimit -n`), multiply their number by what each takes, and close those that are idle for long
        (`--keep-alive`) before the memory runs out.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
