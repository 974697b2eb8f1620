"""As much as can be served, ten times as much, half as much: one open workload in three stages, at the stock settings.

The clients leave after a second and do not come again. Goodput in the second stage counts from its second second on, when the
first clients have left. Half a second's queue at ten times the capacity is more than the pool lets wait, so requests are
refused at entry too: beside the load one more caller asks, reads its refusals, and times those that say that the queue is
full. Goodput is compared with the mean of the capacities before and after the load. The control is the naive profile: no bound,
no timeout, and it works on for clients that have left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...measure.percentile import percentile
from ...measure.process import resident_bytes
from ...records.figures import Measures, check
from ...records.load import LoadResult
from ...stage.stage import Stage
from ..both import drill_of_both
from ..crowded import CONNECTIONS, NAIVE, Watched, able, able_now, crowded, protected, unprotected
from ..server import FaultyServer

_PATH, _QUEUE = "/hash", "native_pool"
_PATIENCE = 1.0
_LOADS = (1.0, 10.0, 0.5)  # in units of the capacity
_NORMAL = 1.0  # seconds after the step down in which all must be normal again
_MB = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """``length``: seconds of a stage. ``memory``: bytes before the load."""

    capacity: float
    length: float
    memory: int
    load: LoadResult
    seen: Watched

    @property
    def normal_from(self) -> float:
        return 2 * self.length + _NORMAL

    def calm(self) -> list[float]:
        """Latencies of the requests from a second after the step down on. Those that left count with their whole wait."""
        return [latency for begun, latency in self.load.by_start() if begun >= self.normal_from]

    def lost(self) -> float:
        """Share of the requests that ended from then on that were refused or left."""
        rows = [row for row in self.load.series if row.start >= self.normal_from + _PATIENCE]
        ended = sum(row.ok + row.shed + row.timed_out + row.errors for row in rows)
        return 1 - sum(row.ok for row in rows) / ended if ended else 1.0


_FIGURES: Measures[_Found] = {
    "capacity_per_s": lambda found: found.capacity,
    "goodput_share": lambda found: (
        (found.load.goodput_in(found.length + _PATIENCE, 2 * found.length) or 0.0) / found.capacity
    ),
    "most_waiting": lambda found: found.seen.most_waiting,
    "over_bound": lambda found: found.seen.over_bound(),
    "refusals_timed": lambda found: len(found.seen.refusals),
    "refusal_p99_ms": lambda found: percentile(found.seen.refusals, 0.99) * 1e3 if found.seen.refusals else None,
    "memory_grown_mb": lambda found: (found.seen.most_memory - found.memory) / _MB,
    "calm_p99_s": lambda found: percentile(found.calm(), 0.99) if found.calm() else None,
    "calm_lost": lambda found: found.lost(),
    "client_cpu": lambda found: found.load.generator.cpu_share,
}


async def _measure(stage: Stage, server: FaultyServer) -> _Found:
    found = await _overload(stage, server)
    return replace(found, capacity=await able_now(stage, server, _PATH, found.capacity))


async def _overload(stage: Stage, server: FaultyServer) -> _Found:
    capacity = await able(stage, server, _PATH)
    memory = resident_bytes(server.pid) or 0
    length = max(4.0, stage.seconds(20, quick=5))
    load, seen = await crowded(
        stage,
        server,
        _PATH,
        _QUEUE,
        {
            "connections": CONNECTIONS,
            "stages": [(length, share * capacity) for share in _LOADS],
            "leave_after": _PATIENCE,
            "keep_samples": True,
        },
    )
    return _Found(capacity=capacity, length=length, memory=memory, load=load, seen=seen)


DRILL = drill_of_both(
    name="overload",
    number=7,
    gate=True,
    question="Ten times the capacity, and then half of it: what stays useful, and when is it over?",
    figures=_FIGURES,
    checks=(
        check("goodput ÷ capacity at ten times the capacity", "goodput_share", ">=", 0.9, "×"),
        check("callers that waited over the pool's bound", "over_bound", "<=", 0),
        check("p99 of a refusal at entry", "refusal_p99_ms", "<=", 50, "ms"),
        check("memory of the server, more than before", "memory_grown_mb", "<=", 30, "MB"),
        check("p99 from a second after the step down", "calm_p99_s", "<=", 1.0, "s"),
        check("share lost from then on", "calm_lost", "<=", 0.02),
    ),
    inject=protected(_FIGURES, _measure),
    control=unprotected(_FIGURES, _overload, *NAIVE),
    twin="no bounds and no timeouts",
)
