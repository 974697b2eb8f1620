"""Integration: the end of a job claims the next one in the same transaction, in the SQLite engine and its worker."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_lab.jobs.contract import Claimed, NewJob
from trio_lab.jobs.functions import JobFunctions
from trio_lab.jobs.sqlite import SqliteJobs, open_sqlite_jobs
from trio_lab.jobs.table import Table
from trio_lab.jobs.work import open_job_worker
from trio_lab.records.job import JobState

SEEN: ContextVar[str] = ContextVar("seen", default="nothing")


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[SqliteJobs]:
    async with open_sqlite_jobs(tmp_path / "jobs.sqlite") as opened:
        yield opened


async def submit(jobs: SqliteJobs, count: int) -> list[str]:
    return [await jobs.submit(NewJob(name="job", args={"x": number})) for number in range(count)]


async def states(jobs: SqliteJobs) -> list[tuple[JobState, int]]:
    """Of all jobs, the oldest first, with their tries."""
    return [(one.state, one.tries) for one in reversed(await jobs.jobs())]


async def claim(jobs: SqliteJobs, worker: str = "me") -> Claimed:
    (found,) = await jobs.claim(1, worker=worker, lease=30.0)
    return found


async def test_a_lease_that_runs_out_before_the_job_begins(jobs: SqliteJobs) -> None:
    """It is another worker's; the first one's end is fenced, and claims the next job all the same."""
    ids = await submit(jobs, 3)
    _, following = await jobs.finish_and_claim(await claim(jobs), None, lease=0.0)
    assert following is not None
    again = await claim(jobs, "another")
    assert (again.id, again.tries) == (following.id, 2) == (ids[1], 2)
    counted, third = await jobs.finish_and_claim(following, "late", lease=30.0)
    assert not counted
    assert third is not None
    assert (third.id, third.worker) == (ids[2], "me")
    assert await jobs.finish(again, "in time")


async def test_a_result_that_cannot_be_written_ends_and_claims_nothing(jobs: SqliteJobs) -> None:
    await submit(jobs, 2)
    job = await claim(jobs)
    with pytest.raises(TypeError):
        await jobs.finish_and_claim(job, object(), lease=30.0)
    assert await states(jobs) == [("running", 1), ("queued", 0)]


@pytest.mark.parametrize("taken", [False, True])
async def test_a_caller_that_is_cancelled_loses_no_job(
    jobs: SqliteJobs, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    """Before its transaction it withdraws. While the transaction runs it waits, and gets what was claimed."""
    await submit(jobs, 3)
    job, other = await claim(jobs), await claim(jobs, "another")
    real, begun, go = Table.finish_and_claim, trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()

    def pausing(table: Table, *asked: Any) -> Any:
        token.run_sync_soon(begun.set)
        assert go.wait(5.0)
        return real(table, *asked)

    monkeypatch.setattr(Table, "finish_and_claim", pausing)
    found: list[tuple[bool, Claimed | None]] = []

    async def end(scope: trio.CancelScope, job: Claimed) -> None:
        with scope:
            found.append(await jobs.finish_and_claim(job, None, lease=30.0))

    first, second = trio.CancelScope(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end, first, job)
        await begun.wait()
        nursery.start_soon(end, second, other)  # waits for the transaction after this one
        await wait_all_tasks_blocked()
        (first if taken else second).cancel()
        await wait_all_tasks_blocked()
        go.set()
    assert (first.cancelled_caught, second.cancelled_caught) == (False, not taken)
    assert [counted for counted, _ in found] == [True] * (1 + taken)
    assert [following.id for _, following in found if following] == ["3"]
    assert await states(jobs) == [("succeeded", 1), ("succeeded" if taken else "running", 1), ("running", 1)]


async def test_a_worker_with_one_place_claims_once_for_many_jobs(
    jobs: SqliteJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, claims, seen = jobs.claim, list[int](), list[str]()
    functions, ended = JobFunctions(), trio.Event()

    async def counted(most: int, *, worker: str, lease: float) -> list[Claimed]:
        found = await real(most, worker=worker, lease=lease)
        claims.append(len(found))
        return found

    @functions.register("job")
    async def notes(x: int) -> None:
        assert worker.running == 1
        seen.append(SEEN.get())
        SEEN.set(f"job {x}")
        if x == 4:
            ended.set()

    monkeypatch.setattr(jobs, "claim", counted)
    await submit(jobs, 5)
    async with open_job_worker(jobs, functions, concurrency=1) as worker:
        await ended.wait()
    assert worker.succeeded == 5
    assert sum(claims) == 1
    assert seen == ["nothing"] * 5, "a job does not see what the one before it has set"
    assert await states(jobs) == [("succeeded", 1)] * 5


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_a_job_that_was_claimed_while_its_worker_was_told_to_end_is_given_back(
    jobs: SqliteJobs, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """It has not begun, so it has lost no try."""
    real, claimed, begun, ended = jobs.finish_and_claim, list[str](), list[int](), trio.Event()
    functions = JobFunctions()

    async def ending(job: Claimed, result: Any, *, lease: float) -> tuple[bool, Claimed | None]:
        counted, following = await real(job, result, lease=lease)
        assert following is not None
        claimed.append(following.id)
        assert await states(jobs) == [("succeeded", 1), ("running", 1)]
        if how == "stopped":
            worker.stop()
        else:
            scope.cancel()
        ended.set()
        return counted, following

    @functions.register("job")
    async def notes(x: int) -> None:
        begun.append(x)

    monkeypatch.setattr(jobs, "finish_and_claim", ending)
    await submit(jobs, 2)
    with trio.CancelScope() as scope:
        async with open_job_worker(jobs, functions, concurrency=1) as worker:
            await ended.wait()
    assert (claimed, begun) == (["2"], [0])
    assert await states(jobs) == [("succeeded", 1), ("queued", 0)]


async def test_a_stopped_worker_claims_nothing_with_the_end_of_its_last_job(
    jobs: SqliteJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions, begun, claimed = JobFunctions(), list[int](), list[Claimed]()
    take = Table._take

    def noted(table: Table, *asked: Any) -> Claimed:
        claimed.append(take(table, *asked))
        return claimed[-1]

    @functions.register("job")
    async def stops(x: int) -> None:
        worker.stop()
        begun.append(x)

    monkeypatch.setattr(Table, "_take", noted)
    await submit(jobs, 2)
    async with open_job_worker(jobs, functions, concurrency=1) as worker:
        while not worker.succeeded:
            await trio.sleep(0.005)
    assert ([job.id for job in claimed], begun) == (["1"], [0])
    assert await states(jobs) == [("succeeded", 1), ("queued", 0)]
