"""Job after job through one pool: what its process and its workers hold after a tenth of the jobs, and after all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from time import perf_counter

import trio

from ...measure.process import children, open_descriptors, resident_bytes
from ...pools.workers import open_worker_pool
from ...work import nothing

_CALLERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """``memory`` is that of the pool's process and its workers together, the rest of the pool's process alone."""

    memory: int
    descriptors: int
    tasks: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Endured:
    early: Held
    late: Held
    jobs: int
    jobs_per_s: float


def _held() -> Held:
    family = [os.getpid(), *children(os.getpid())]
    return Held(
        memory=sum(resident_bytes(pid) or 0 for pid in family),
        descriptors=open_descriptors(os.getpid()) or 0,
        tasks=trio.lowlevel.current_statistics().tasks_living,
        processes=len(family),
    )


async def many_jobs(jobs: int) -> Endured:
    async with open_worker_pool(size=2, queue_timeout=60, run_timeout=60) as pool:
        await pool.wait_ready()

        async def call(share: int) -> None:
            for _ in range(share):
                await pool.run(nothing)

        async def run(count: int) -> None:
            async with trio.open_nursery() as nursery:
                for _ in range(_CALLERS):
                    nursery.start_soon(call, count // _CALLERS)

        await run(jobs // 10)
        early, begun = _held(), perf_counter()
        await run(jobs - jobs // 10)
        seconds, late = perf_counter() - begun, _held()
        done = pool.statistics().completions or 0
    return Endured(early=early, late=late, jobs=done, jobs_per_s=(jobs - jobs // 10) / seconds)
