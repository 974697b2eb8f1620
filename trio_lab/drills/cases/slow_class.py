"""Slow database queries at twenty times their share: what do fast ones feel?

The queries of the experiment `db-pool`, at a server with four connections of which slow queries may hold one. Fast queries need
one, so the other three are enough for them, also where the machine makes them slower. Their p99 beside the slow ones is
compared with their p99 alone, on the same server just before.

The control is the same server without the bound for slow queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ...records.figures import Measures, check
from ...records.load import LoadResult
from ...stage.stage import Stage
from ...stage.together import both
from ..crowded import protected, unprotected
from ..model import Drill
from ..server import FaultyServer

_SIZE, _FEW = 4, 1  # connections; those that slow queries may hold
_FAST_MS, _FAST_RATE = 100, 10  # per second: one connection's worth
_SLOW_MS = 500
_SLOW_RATE = 20 * _FEW * 1e3 / _SLOW_MS  # per second: twenty times what their share of the connections can do
_PATIENCE = 2.0  # seconds: of the callers of slow queries
_CONNECTIONS = ("--connections", str(_SIZE))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    alone: LoadResult
    beside: LoadResult
    slow: LoadResult


_FIGURES: Measures[_Found] = {
    "alone_p99_ms": lambda found: found.alone.latency.p99 * 1e3,
    "beside_p99_ms": lambda found: found.beside.latency.p99 * 1e3,
    "moved": lambda found: found.beside.latency.p99 / found.alone.latency.p99,
    "fast_lost": lambda found: found.beside.requests.sent - found.beside.requests.ok,
    "slow_asked": lambda found: found.slow.requests.sent,
    "slow_served": lambda found: found.slow.requests.ok,
    "slow_lost": lambda found: found.slow.requests.sent - found.slow.requests.ok,
}


async def _beside(stage: Stage, server: FaultyServer) -> _Found:
    seconds = max(1.5, stage.seconds(20, quick=4))
    await server.fetch("/db?ms=1")
    fast = partial(stage.load, f"{server.url}/db?ms={_FAST_MS}", connections=200, rate=_FAST_RATE, duration=seconds)
    alone = await fast()
    beside, slow = await both(
        fast,
        partial(
            stage.load,
            f"{server.url}/db?ms={_SLOW_MS}&class=slow",
            connections=200,
            rate=_SLOW_RATE,
            duration=seconds,
            leave_after=_PATIENCE,
        ),
    )
    return _Found(alone=alone, beside=beside, slow=slow)


DRILL = Drill(
    name="slow-class",
    number=33,
    gate=False,
    question="Slow database queries come at twenty times their share: what do fast ones feel?",
    figures=_FIGURES,
    checks=(
        check("p99 of fast queries, beside slow ones ÷ alone", "moved", "<=", 1.5, "×"),
        check("fast queries that were not served", "fast_lost", "<=", 0),
        check("slow queries that were not served: there were too many", "slow_lost", ">=", 1),
    ),
    inject=protected(_FIGURES, _beside, *_CONNECTIONS, "--slow-connections", str(_FEW)),
    control=unprotected(_FIGURES, _beside, *_CONNECTIONS),
    twin="one pool without a bound for slow queries",
)
