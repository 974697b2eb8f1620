"""Jobs that end their process: a segmentation fault, abort(), `os._exit(0)`, a C stack that overflows.

Each caller must get an error that names the exit code. A good job runs beside each deadly one, and none of those may fail.
The pool is driven directly, in a process of its own: the question is what a caller is told, and HTTP only translates it. A
job that has not ended after 20 s counts as hung.

The control is `multiprocessing.Pool`, which replaces the worker and forgets the job, so its caller waits for ever.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from functools import partial

import trio

from ...errors import BrokenWorkerError
from ...pools.workers import WorkerPool, open_worker_pool
from ...records.figures import check
from ...stage.alone import alone
from ..aftermath import good_job, watched_pool
from ..model import Drill
from ..poison import abort, exit_well, overflow_stack, segfault

_DEATHS = {segfault: -signal.SIGSEGV, abort: -signal.SIGABRT, exit_well: 0, overflow_stack: -signal.SIGSEGV}
_PATIENCE = 20.0  # seconds until a job counts as hung


async def in_pool(each: int) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    typed = wrong_code = arrived = 0

    async def good(pool: WorkerPool) -> None:
        nonlocal arrived
        arrived += await good_job(pool)

    async with watched_pool(open_worker_pool(size=2), figures) as pool:
        for _ in range(each):
            for job, code in _DEATHS.items():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(good, pool)
                    with trio.move_on_after(_PATIENCE):
                        try:
                            await pool.run(job)
                        except BrokenWorkerError as error:
                            typed += 1
                            wrong_code += error.exit_code != code
        deaths = each * len(_DEATHS)
        figures |= {
            "deaths": deaths,
            "without_typed_error": deaths - typed,
            "wrong_exit_code": wrong_code,
            "others": deaths,
            "others_failed": deaths - arrived,
        }
    return figures


def in_multiprocessing(each: int, patience: float) -> dict[str, float | None]:
    pool = multiprocessing.get_context("fork").Pool(2)
    answers = [pool.apply_async(job) for job in list(_DEATHS) * each]
    time.sleep(patience)
    return {"deaths": len(answers), "without_typed_error": sum(not answer.ready() for answer in answers)}


DRILL = Drill(
    name="sudden-death",
    number=5,
    gate=False,
    question="Jobs take their process with them in four ways: is each caller told, and does no other job fail?",
    figures=("deaths", "without_typed_error", "wrong_exit_code", "others", "others_failed"),
    checks=(
        check("deaths without a typed error", "without_typed_error", "<=", 0),
        check("errors that name another exit code", "wrong_exit_code", "<=", 0),
        check("jobs beside them that failed", "others_failed", "<=", 0),
    ),
    inject=lambda stage: alone(partial(in_pool, stage.count(20, quick=5))),
    control=lambda stage: alone(partial(in_multiprocessing, each=2, patience=2.0)),
    twin="multiprocessing.Pool",
)
