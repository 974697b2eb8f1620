"""Unit: the engine of a server's own jobs, which is opened when it is asked for."""

from __future__ import annotations

import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from trio_lab.admission.on_trio import Bulkhead
from trio_lab.database.sqlite import Sqlite
from trio_lab.errors import Unreachable
from trio_lab.jobs.contract import NewJob
from trio_lab.measure.queues import Queues
from trio_lab.pools.connections import open_connection_pool
from trio_lab.servers.trio.background import BackgroundJobs, open_background_jobs
from trio_lab.servers.trio.database import LabDatabase, _pause_sqlite
from trio_lab.testing import VirtualOptions, open_virtual_pool


@asynccontextmanager
async def opened(file: Path | None = None) -> AsyncIterator[BackgroundJobs]:
    async with open_virtual_pool(VirtualOptions(size=1, start=0.0)) as workers:
        jobs = open_background_jobs(None, workers, Queues(), max_waiting=9, longest_wait=1.0, own_file=file)
        async with jobs as background:
            yield background


@contextmanager
def no_descriptors() -> Iterator[None]:
    """All that this process may have are in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_one = os.dup(0)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_an_engine_that_cannot_be_opened_is_tried_again_by_who_comes_next(tmp_path: Path) -> None:
    folder = tmp_path / "not yet"
    async with opened(folder / "jobs.sqlite") as background:
        for _ in range(2):
            with pytest.raises(Unreachable, match=r"cannot open .*: No such file"):
                await background.submit(NewJob(name="wait", args={}))
        folder.mkdir()
        assert await background.submit(NewJob(name="wait", args={})) == "1"


async def test_a_shortage_of_descriptors_at_the_first_request_ends_nothing() -> None:
    async with opened() as background:
        with no_descriptors(), pytest.raises(Unreachable, match="Too many open files"):
            await background.submit(NewJob(name="wait", args={}))
        assert await background.submit(NewJob(name="wait", args={})) == "1"


async def test_a_queue_with_the_name_of_one_that_comes_later_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="two queues are called 'jobs'"):
        BackgroundJobs(Queues(Bulkhead("jobs", capacity=1)), max_waiting=9, longest_wait=None)
    async with open_connection_pool(Sqlite(""), name="database") as pool:
        with pytest.raises(ValueError, match="two queues are called 'database'"):
            LabDatabase(Queues(Bulkhead("database", capacity=1)), _pause_sqlite, pool)
