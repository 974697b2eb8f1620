"""How soon jobs on a server go on: after their worker was lost, and after the server was; and how long it takes to read one.

One fault at a time, with a worker in this process that has nothing else to do, so that the times are those of the engine alone.
"""

from __future__ import annotations

import statistics
from time import perf_counter

import trio

from ..errors import Unreachable
from ..jobs.contract import Engine, NewJob
from ..jobs.functions import JobFunctions
from ..jobs.opening import open_jobs
from ..jobs.work import open_job_worker
from ..records.figures import Figures
from .job_keepers import ServerKeeper

_READS = 200
_TIMES = 3
_JOB = NewJob(name="nothing", args={})


async def recovery(keeper: ServerKeeper, *, lease: float) -> Figures:
    """The longest of a few tries each, and the median for reading."""
    functions = JobFunctions()
    functions.register("nothing")(_nothing)
    async with open_jobs(keeper.url, must_exist=True) as jobs:
        redelivered = [await _redelivery(jobs, functions, lease) for _ in range(_TIMES)]
        reads = await _reads(jobs)
        async with open_job_worker(jobs, functions, lease=lease):
            back = [await _back(jobs, keeper) for _ in range(_TIMES)]
    return {
        "read_ms": statistics.median(reads) * 1e3,
        "redelivery_late_s": max(redelivered) - lease,
        "back_s": max(back),
    }


def _nothing() -> None: ...


async def _redelivery(jobs: Engine, functions: JobFunctions, lease: float) -> float:
    """Seconds from the last word of a worker until another one has done its job."""
    id = await jobs.submit(_JOB)
    await jobs.claim(1, worker="lost", lease=lease)
    begun = trio.current_time()
    async with open_job_worker(jobs, functions, lease=lease):
        await jobs.ended(id)
        return trio.current_time() - begun


async def _reads(jobs: Engine) -> list[float]:
    id = await jobs.submit(_JOB)
    found = []
    for _ in range(_READS):
        begun = perf_counter()
        await jobs.get(id)
        found.append(perf_counter() - begun)
    return found


async def _back(jobs: Engine, keeper: ServerKeeper) -> float:
    """Seconds from the answer of a server that was killed and started again until a worker has done another job."""
    keeper.kill()
    await keeper.ready()
    begun = trio.current_time()
    while True:
        try:
            await jobs.ended(await jobs.submit(_JOB))
            return trio.current_time() - begun
        except Unreachable:
            await trio.sleep(0.05)
