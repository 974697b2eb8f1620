"""What an engine says of a job that it must know."""

from __future__ import annotations

from trio_lab.jobs.contract import Engine
from trio_lab.records.job import JobRecord


async def record(jobs: Engine, id: str) -> JobRecord:
    found = await jobs.get(id)
    assert found is not None
    return found


async def ended(jobs: Engine, id: str) -> JobRecord:
    """The same when the job has ended."""
    found = await jobs.ended(id)
    assert found is not None
    return found
