"""A million jobs in a row: what is held after them that was not held after the first tenth?"""

from __future__ import annotations

from ...records.benchmark import Goal
from ..model import Benchmark, Measured
from ..stand import Stand

_JOBS, _QUICK_JOBS = 1_000_000, 50_000
_HELD = ("memory", "descriptors", "tasks", "processes")


def _name(held: str) -> str:
    return f"{held}, last ÷ after a tenth"


async def _run(stand: Stand) -> Measured:
    found = await stand.python("peers.endurance", _QUICK_JOBS if stand.quick else _JOBS)
    return Measured(
        ratios={_name(held): [found[f"late_{held}"] / found[f"early_{held}"]] for held in _HELD},
        figures={"jobs": found["jobs"], "jobs/s": round(found["jobs_per_s"])}
        | {f"{held} at the end": found[f"late_{held}"] for held in _HELD},
    )


BENCHMARK = Benchmark(
    name="endurance",
    order=13,
    question="A million jobs in a row: does the pool hold more memory, descriptors, tasks or processes after them?",
    peers=(),
    ratios=tuple(map(_name, _HELD)),
    goals={_name(held): Goal(relation="<=", bound=1.05 if held == "memory" else 1.0) for held in _HELD},
    run=_run,
)
