"""Collaboration, with real workers: jobs that were given to a pool without a task that waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

import trio_lab
from tests.waiting import wait_until
from trio_lab.admission.reserved import RESERVED
from trio_lab.errors import QueueFull, QueueTimeout
from trio_lab.measure.ledger import LEDGER, QUEUE, RUN, Ledger
from trio_lab.pools.asked import AskedJob
from trio_lab.pools.workers import WorkerPool

from . import jobs
from .test_workers import finish, running


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with trio_lab.open_worker_pool(size=1, max_queue=2, discipline="fifo", on_cancel="stop") as pool:
        await pool.wait_ready()
        yield pool


class Told(list[Exception | None]):
    async def wait(self) -> Exception | None:
        await wait_until(lambda: bool(self))
        return self[0]


async def outcome(pool: WorkerPool, asked: AskedJob) -> Any:
    """What the task gets that goes on with the job. The function that it gives is not run."""
    token = RESERVED.set(asked.reserve())
    try:
        return await pool.run_timed(jobs.pid)
    finally:
        RESERVED.reset(token)


async def test_the_task_that_goes_on_has_the_outcome_at_once(pool: WorkerPool) -> None:
    told, ledger = Told(), Ledger("x", now=trio.current_time)
    asked = pool.ask(told.append, jobs.echo, "one", kind="asked")
    assert (asked.waits, pool.busy, told) == (True, 1, [])
    assert await told.wait() is None
    assert not asked.waits
    token = LEDGER.set(ledger)
    value, queued = await outcome(pool, asked)
    LEDGER.reset(token)
    assert (value, queued) == ("one", 0.0)
    assert RUN in ledger.parts
    assert pool.statistics("asked").completions == pool.statistics().arrivals == 1
    assert told == [None]


async def test_a_job_that_fails_has_ended(pool: WorkerPool) -> None:
    told = Told()
    asked = pool.ask(told.append, jobs.raise_value_error, kind="asked")
    assert await told.wait() is None
    with pytest.raises(ValueError, match="a job's own"):
        await outcome(pool, asked)
    told = Told()
    asked = pool.ask(told.append, jobs.kill_me, kind="asked")
    assert await told.wait() is None
    with pytest.raises(trio_lab.BrokenWorkerError):
        await outcome(pool, asked)


async def test_only_the_pool_that_ran_it_has_the_outcome_and_only_once(pool: WorkerPool) -> None:
    told = Told()
    asked = pool.ask(told.append, jobs.echo, "one", kind="asked")
    await told.wait()
    async with trio_lab.open_worker_pool(size=1) as other:
        RESERVED.set(asked.reserve())
        assert (await other.run_timed(jobs.echo, "two"))[0] == "two"
    assert (await pool.run_timed(jobs.echo, "three"))[0] == "one"
    assert (await pool.run_timed(jobs.echo, "three"))[0] == "three"


async def test_one_that_asks_is_told_that_it_is_refused(tmp_path: Path) -> None:
    told = [Told(), Told()]
    async with (
        trio_lab.open_worker_pool(size=1, max_queue=1, queue_timeout=0.05, grace=0.0) as pool,
        trio.open_nursery() as nursery,
    ):
        await pool.wait_ready()
        await running(pool, nursery, tmp_path / "job")
        pool.ask(told[0].append, jobs.echo, 1, kind="asked")
        with pytest.raises(QueueFull):
            pool.ask(told[1].append, jobs.echo, 1, kind="asked")
        assert isinstance(await told[0].wait(), QueueTimeout)
        pool.ask(told[1].append, jobs.echo, 1, kind="asked")
        pool._close()
        assert isinstance(await told[1].wait(), trio.ClosedResourceError)
        finish(tmp_path / "job")
    assert [len(one) for one in told] == [1, 1]


async def test_one_whose_caller_leaves_is_not_told(pool: WorkerPool, tmp_path: Path) -> None:
    told, ledgers = [Told(), Told(), Told()], [Ledger("x", now=trio.current_time) for _ in range(2)]
    runs = pool.ask(told[0].append, jobs.mark_then_wait, str(tmp_path / "job"), kind="asked")
    waits = pool.ask(told[1].append, jobs.echo, 1, kind="asked")
    await wait_until((tmp_path / "job").exists)
    waits.give_up(ledgers[0])
    assert pool.waiting == 0
    runs.give_up(ledgers[1])  # it is interrupted, which frees its worker
    pool.ask(told[2].append, jobs.echo, 1, kind="asked")
    assert await told[2].wait() is None
    assert told[:2] == [[], []]
    assert [set(ledger.parts) for ledger in ledgers] == [{QUEUE}, {RUN}]
    assert pool.statistics().cancelled == 1


async def test_one_that_is_told_may_give_the_pool_the_next_job(pool: WorkerPool) -> None:
    ends = list[AskedJob]()
    asked: list[AskedJob]

    def again(refusal: Exception | None) -> None:
        assert refusal is None
        ends.append(asked[-1])
        if len(ends) < 5:
            asked.append(pool.ask(again, jobs.echo, len(ends), kind="asked"))

    asked = [pool.ask(again, jobs.echo, 0, kind="asked")]
    await wait_until(lambda: len(ends) == 5)
    assert [await outcome(pool, one) for one in ends] == [(number, 0.0) for number in range(5)]
    assert pool.statistics().completions == 5
