"""Job after job through one pool: ``python -m trio_lab.bench.peers.endurance JOBS``.

Prints what the process and its workers hold after a tenth of the jobs and after all of them, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter

import trio

from ...measure.process import children, open_descriptors, resident_bytes
from ...pools.workers import open_worker_pool
from ...work import nothing

_CALLERS = 20


def _held() -> dict[str, int]:
    """Memory of the pool's process and of its workers together; everything else of the pool's process alone."""
    family = [os.getpid(), *children(os.getpid())]
    return {
        "memory": sum(resident_bytes(pid) or 0 for pid in family),
        "descriptors": open_descriptors(os.getpid()) or 0,
        "tasks": trio.lowlevel.current_statistics().tasks_living,
        "processes": len(family),
    }


async def main(jobs: int) -> dict[str, float]:
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
    figures = {f"early_{name}": value for name, value in early.items()}
    figures |= {f"late_{name}": value for name, value in late.items()}
    return {**figures, "jobs": done, "jobs_per_s": (jobs - jobs // 10) / seconds}


if __name__ == "__main__":
    print(json.dumps(trio.run(main, int(sys.argv[1]))))  # noqa: T201  (a child's answer)
