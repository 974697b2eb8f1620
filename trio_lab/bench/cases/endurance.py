"""A million jobs in a row: what is held after them that was not held after the first tenth?"""

from __future__ import annotations

from functools import partial

from ...records.benchmark import Goal
from ...records.codec import to_plain
from ...stage.alone import alone
from ...stage.stage import Stage
from ..model import Benchmark, Measured
from ..peers.endurance import many_jobs

_JOBS, _QUICK_JOBS = 1_000_000, 50_000
_BOUNDS = {"memory": 1.05, "descriptors": 1.0, "tasks": 1.0, "processes": 1.0}


def _name(held: str) -> str:
    return f"{held}, last ÷ after a tenth"


async def _run(stage: Stage) -> Measured:
    found = await alone(partial(many_jobs, _QUICK_JOBS if stage.quick else _JOBS), limit=3600)
    early, late = to_plain(found.early), to_plain(found.late)
    return Measured(
        ratios={_name(held): [late[held] / early[held]] for held in _BOUNDS},
        figures={"jobs": found.jobs, "jobs/s": round(found.jobs_per_s)}
        | {f"{held} at the end": late[held] for held in _BOUNDS},
    )


BENCHMARK = Benchmark(
    name="endurance",
    order=13,
    question="A million jobs in a row: does the pool hold more memory, descriptors, tasks or processes after them?",
    peers=(),
    ratios=tuple(map(_name, _BOUNDS)),
    goals={_name(held): Goal(relation="<=", bound=bound) for held, bound in _BOUNDS.items()},
    run=_run,
)
