"""A job that wants 1 GB in a worker that may have 256 MB: all at once, and piece by piece.

The pool is driven directly, in a process of its own: what counts is the memory of the pool's process and of its workers,
and HTTP would only blur it. A small job runs beside each bomb, and the memory is read every 10 ms.

The caller must get an error that says what happened. The pool's own process may grow by 50 MB, and a worker may have
300 MB, its bound and a margin. The control is the same pool without a bound.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio

from ...errors import BrokenWorkerError
from ...measure.process import resident_bytes
from ...pools.workers import WorkerPool, open_worker_pool
from ...records.figures import Measures, check, measured
from ...stage.alone import alone
from ..aftermath import good_job, watched_pool
from ..model import Drill
from ..poison import fill_memory, fill_memory_slowly

_WANTED = 1_000  # MB
_CAP = 256_000_000
_PERIOD = 0.01  # seconds between two looks at the memory


@dataclass(slots=True)
class _Seen:
    """How the bombs and the jobs beside them ended, and the most memory, in bytes, at a look."""

    before: int
    ends: Counter[str] = field(default_factory=Counter)
    others: list[bool] = field(default_factory=list)
    parent: int = 0
    worker: int = 0


_FIGURES: Measures[_Seen] = {
    "bombs": lambda seen: seen.ends.total(),
    "memory_errors": lambda seen: seen.ends["memory"],
    "workers_broken": lambda seen: seen.ends["broken"],
    "without_typed_error": lambda seen: seen.ends["other"],
    "others": lambda seen: len(seen.others),
    "others_failed": lambda seen: seen.others.count(False),
    "parent_growth_mb": lambda seen: max(0, seen.parent - seen.before) / 1e6,
    "worker_peak_mb": lambda seen: seen.worker / 1e6,
}


async def in_pool(bombs: int, memory: int | None) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    async with watched_pool(open_worker_pool(size=2, memory=memory), figures) as pool:
        seen = _Seen(resident_bytes(os.getpid()) or 0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch, pool, seen)
            nursery.start_soon(_others, pool, seen.others)
            for n in range(bombs):
                seen.ends[await _bomb(pool, fill_memory if n % 2 == 0 else fill_memory_slowly)] += 1
            nursery.cancel_scope.cancel()
    return figures | measured(_FIGURES, seen)


async def _bomb(pool: WorkerPool, job: Any) -> str:
    try:
        await pool.run(job, _WANTED)
    except MemoryError:
        return "memory"
    except BrokenWorkerError:
        return "broken"
    return "other"


async def _others(pool: WorkerPool, ends: list[bool]) -> None:
    while True:
        ends.append(await good_job(pool))
        await trio.sleep(0.01)


async def _watch(pool: WorkerPool, seen: _Seen) -> None:
    while True:
        seen.parent = max(seen.parent, resident_bytes(os.getpid()) or 0)
        seen.worker = max([seen.worker, *(resident_bytes(pid) or 0 for pid in pool.pids())])
        await trio.sleep(_PERIOD)


DRILL = Drill(
    name="memory-bomb",
    number=4,
    gate=False,
    question="A job wants four times the memory that a worker may have: who pays?",
    figures=_FIGURES,
    checks=(
        check("bombs that did not end in a typed error", "without_typed_error", "<=", 0),
        check("growth of the pool's own process", "parent_growth_mb", "<=", 50, "MB"),
        check("largest worker", "worker_peak_mb", "<=", 300, "MB"),
        check("other jobs that failed", "others_failed", "<=", 0),
    ),
    inject=lambda stage: alone(partial(in_pool, bombs=stage.count(20, quick=4), memory=_CAP)),
    control=lambda stage: alone(partial(in_pool, bombs=1, memory=None)),
    twin="no bound on memory",
)
