"""Integration: what every engine of background jobs promises, on both: a file, and a real Valkey."""

from __future__ import annotations

import sys
from dataclasses import replace
from time import time

import pytest
import trio

from trio_lab.errors import QueueFull
from trio_lab.jobs.contract import Claimed, Engine, NewJob
from trio_lab.jobs.opening import open_jobs
from trio_lab.records.job import JobState

from .looking import record

JOB = NewJob(name="job", args={"x": 1})


async def claim(jobs: Engine, *, worker: str = "me", lease: float = 30.0) -> Claimed:
    (found,) = await jobs.claim(1, worker=worker, lease=lease)
    return found


async def state(jobs: Engine, id: str) -> JobState:
    return (await record(jobs, id)).state


async def test_a_job_from_its_submission_to_its_result(jobs: Engine) -> None:
    id = await jobs.submit(JOB)
    assert await state(jobs, id) == "queued"
    job = await claim(jobs)
    assert (job.id, job.name, job.args, job.tries) == (id, "job", {"x": 1}, 1)
    assert await state(jobs, id) == "running"
    assert await jobs.finish(job, {"y": 2})
    found = await record(jobs, id)
    assert (found.state, found.result, found.tries) == ("succeeded", {"y": 2}, 1)


async def test_an_end_may_claim_the_next_job(jobs: Engine) -> None:
    """Redis leaves it to the next claim."""
    ids = [await jobs.submit(JOB) for _ in range(2)]
    counted, following = await jobs.finish_and_claim(await claim(jobs), "first", lease=30.0)
    assert counted
    following = following or await claim(jobs)
    assert (following.id, following.tries, following.worker) == (ids[1], 1, "me")
    assert await jobs.finish_and_claim(following, "second", lease=30.0) == (True, None)
    assert [one.result for one in await jobs.jobs()] == ["second", "first"]


async def test_an_end_after_the_lease_has_run_out_does_not_count(jobs: Engine) -> None:
    id = await jobs.submit(JOB)
    first = await claim(jobs, lease=0.0)
    second = await claim(jobs, worker="another")
    assert second.tries == 2
    assert not await jobs.finish(first, "first")
    assert await jobs.finish(second, "second")
    found = await record(jobs, id)
    assert found.result == "second"


async def end(jobs: Engine, job: Claimed, how: str) -> bool:
    if how == "finish":
        return await jobs.finish(job, "done")
    if how == "finish_and_claim":
        return (await jobs.finish_and_claim(job, "done", lease=30.0))[0]
    if how == "fail":
        return await jobs.fail(job, "no", again_in=3600.0)
    return await jobs.give_back(job)


ENDS = {
    "finish": ("succeeded", 1),
    "finish_and_claim": ("succeeded", 1),
    "fail": ("queued", 1),
    "give_back": ("queued", 0),
}


@pytest.mark.parametrize("how", ENDS)
async def test_an_end_that_is_told_twice_counts_once(jobs: Engine, how: str) -> None:
    """The answer to the first may have been lost."""
    id = await jobs.submit(JOB)
    job = await claim(jobs)
    assert [await end(jobs, job, how), await end(jobs, job, how)] == [True, True]
    found = await record(jobs, id)
    assert (found.state, found.tries) == ENDS[how]
    await jobs.look()
    counts = jobs.statistics()
    assert (counts.in_service, counts.waiting + counts.completions) == (0, 1)


async def test_the_end_of_a_try_is_not_taken_for_that_of_another(jobs: Engine) -> None:
    """Of the same worker, which has lost the first and has given the second back."""
    await jobs.submit(JOB)
    first = await claim(jobs, lease=0.0)
    second = await claim(jobs)
    assert (first.worker, first.tries, second.tries) == ("me", 1, 2)
    assert await jobs.give_back(second)
    assert not await jobs.finish(first, "late")
    third = await claim(jobs, worker="another")
    assert not await jobs.give_back(second)
    assert await jobs.finish(third, "in time")


async def test_an_end_before_a_retry_is_not_that_of_a_try_after_it(jobs: Engine) -> None:
    id = await jobs.submit(JOB)
    job = await claim(jobs)
    assert await jobs.fail(job, "no", again_in=None)
    await jobs.retry(id)
    assert not await jobs.fail(job, "no", again_in=None)
    assert await state(jobs, id) == "queued"


async def test_no_more_may_wait_than_the_bound_says(jobs_url: str) -> None:
    async with open_jobs(jobs_url, max_waiting=2) as jobs:
        for _ in range(2):
            await jobs.submit(JOB)
        with pytest.raises(QueueFull, match="jobs is full"):
            await jobs.submit(JOB)
        await claim(jobs)
        await jobs.submit(JOB)
        await jobs.look()
        found = jobs.statistics()
        assert (found.waiting, found.in_service, found.rejected, found.max_waiting) == (2, 1, 1, 2)
        assert found.arrivals == 4


async def test_many_tasks_share_transactions(jobs: Engine) -> None:
    """One job each; every task gets the end of its own call."""
    done: list[str] = []

    async def one(number: int) -> None:
        id = await jobs.submit(NewJob(name="job", args={"number": number}))
        job = await claim(jobs)
        assert await jobs.finish(job, job.args["number"])
        done.append(id)

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(one, number)
    assert len(set(done)) == 100
    found = await jobs.jobs(limit=200)
    assert sorted(one.result for one in found) == list(range(100))
    assert all(one.result == one.args["number"] for one in found)


async def test_a_waiting_worker_hears_of_jobs_of_another_process(jobs_url: str, jobs: Engine) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_submit_elsewhere, jobs_url)
        assert await jobs.claim(1, worker="me", lease=30.0) == []
        with trio.fail_after(30):
            await jobs.wait(600.0)
        assert (await claim(jobs)).name == "from elsewhere"


async def _submit_elsewhere(jobs_url: str) -> None:
    code = (
        "import sys, trio\n"
        "from trio_lab import NewJob, open_jobs\n"
        "async def main():\n"
        "    async with open_jobs(sys.argv[1]) as jobs:\n"
        "        await jobs.submit(NewJob(name='from elsewhere', args={}))\n"
        "trio.run(main)\n"
    )
    await trio.run_process([sys.executable, "-c", code, jobs_url])


async def test_a_wait_ends_when_a_scheduled_job_is_due(jobs: Engine) -> None:
    await jobs.submit(NewJob(name="later", args={}, delay=0.05))
    assert await jobs.claim(1, worker="me", lease=30.0) == []
    while not (found := await jobs.claim(1, worker="me", lease=30.0)):
        with trio.fail_after(30):
            await jobs.wait(600.0)
    assert found[0].name == "later"


@pytest.mark.parametrize("id", ["", "-1", "x", "1.5", "9" * 30, "٣"])
async def test_there_is_no_job_with_such_an_id(jobs: Engine, id: str) -> None:
    assert await jobs.get(id) is None
    assert await jobs.cancel(id) is None
    assert await jobs.retry(id) is None


async def test_a_result_that_cannot_be_written_is_refused_at_once(jobs: Engine) -> None:
    await jobs.submit(JOB)
    job = await claim(jobs)
    with pytest.raises(TypeError):
        await jobs.finish(job, object())
    assert await jobs.finish(job, None)


async def test_jobs_are_kept_when_nobody_has_them_open(jobs_url: str) -> None:
    async with open_jobs(jobs_url) as jobs:
        id = await jobs.submit(JOB)
    async with open_jobs(jobs_url) as jobs:
        assert (await claim(jobs)).id == id


async def test_the_most_urgent_come_first_and_then_the_oldest(jobs: Engine) -> None:
    ids = [await jobs.submit(replace(JOB, priority=priority)) for priority in (0, -1, 2, 0, 2)]
    found = await jobs.claim(9, worker="me", lease=30.0)
    assert [job.id for job in found] == [ids[n] for n in (2, 4, 0, 3, 1)]


async def test_a_job_does_not_begin_before_its_moment(jobs: Engine) -> None:
    soon = await jobs.submit(replace(JOB, at=time() + 0.05))
    late = await jobs.submit(replace(JOB, at=time() + 3600))
    passed = await jobs.submit(replace(JOB, at=1.0))
    assert (await claim(jobs)).id == passed
    assert 3500 < ((await record(jobs, late)).due_in or 0) <= 3600
    while not (found := await jobs.claim(1, worker="me", lease=30.0)):
        assert await state(jobs, soon) == "queued"
        with trio.fail_after(30):
            await jobs.wait(600.0)
    assert found[0].id == soon
    assert (await record(jobs, soon)).due_in is None


@pytest.mark.parametrize("at", [float("nan"), float("inf")])
def test_what_is_no_moment_is_refused(at: float) -> None:
    with pytest.raises(ValueError, match="at must be seconds since the epoch"):
        NewJob(name="job", args={}, at=at)
    with pytest.raises(ValueError, match="without a delay"):
        NewJob(name="job", args={}, at=1.0, delay=1.0)


async def test_a_try_that_fails_is_followed_by_another_until_the_last(jobs: Engine) -> None:
    id = await jobs.submit(replace(JOB, max_tries=2))
    assert await jobs.fail(await claim(jobs), "first", again_in=0.0)
    found = await record(jobs, id)
    assert (found.state, found.error, found.tries) == ("queued", "first", 1)
    while not (again := await jobs.claim(1, worker="me", lease=30.0)):
        with trio.fail_after(30):
            await jobs.wait(600.0)
    assert await jobs.fail(again[0], "second", again_in=0.0)
    found = await record(jobs, id)
    assert (found.state, found.error, found.tries) == ("dead", "second", 2)
    assert [one.id for one in await jobs.jobs(state="dead")] == [id]
    assert await jobs.claim(1, worker="me", lease=30.0) == []
    again_queued = await jobs.retry(id)
    assert again_queued is not None
    assert (again_queued.state, again_queued.tries, again_queued.error) == ("queued", 0, None)
    assert (await claim(jobs)).tries == 1


async def test_the_next_try_waits_for_its_time(jobs: Engine) -> None:
    id = await jobs.submit(JOB)
    await jobs.fail(await claim(jobs), "no", again_in=3600.0)
    assert await jobs.claim(1, worker="me", lease=30.0) == []
    assert 3500 < ((await record(jobs, id)).due_in or 0) <= 3600


async def test_a_job_that_no_other_try_can_help_has_failed(jobs: Engine) -> None:
    id = await jobs.submit(JOB)
    assert await jobs.fail(await claim(jobs), "no file \udcff", again_in=None)
    found = await record(jobs, id)
    assert (found.state, found.error) == ("failed", "no file \\udcff")


async def test_a_job_that_kills_its_workers_ends_as_a_dead_letter(jobs: Engine) -> None:
    id = await jobs.submit(replace(JOB, max_tries=2))
    for tries in (1, 2):
        assert (await claim(jobs, lease=0.0)).tries == tries
    assert await jobs.claim(1, worker="me", lease=30.0) == []
    found = await record(jobs, id)
    assert (found.state, found.tries) == ("dead", 2)
    assert "its worker was lost" in (found.error or "")
    await jobs.look()
    counts = jobs.statistics()
    assert (counts.waiting, counts.in_service, counts.completions) == (0, 0, 1)


async def test_a_renewed_lease_does_not_run_out(jobs: Engine) -> None:
    id = await jobs.submit(JOB)
    job = await claim(jobs, lease=0.0)
    (lease,) = await jobs.renew([(job, 0.25)], lease=60.0)
    assert lease.held
    assert not lease.cancelling
    assert await jobs.claim(1, worker="another", lease=30.0) == []
    assert (await record(jobs, id)).progress == 0.25
    assert await jobs.finish(job, None)
    assert [one.held for one in await jobs.renew([(job, None)], lease=60.0)] == [False]


async def test_a_job_that_waits_is_cancelled_at_once(jobs: Engine) -> None:
    ids = [await jobs.submit(job) for job in (JOB, replace(JOB, delay=3600.0))]
    for id in ids:
        found = await jobs.cancel(id)
        assert found is not None
        assert found.state == "cancelled"
    assert await jobs.claim(9, worker="me", lease=30.0) == []
    assert [await state(jobs, id) for id in ids] == ["cancelled"] * 2
    await jobs.look()
    counts = jobs.statistics()
    assert (counts.waiting, counts.cancelled, counts.arrivals) == (0, 2, 2)


async def test_a_job_that_was_cancelled_and_is_queued_again_is_done_once(jobs: Engine) -> None:
    id = await jobs.submit(JOB)
    await jobs.cancel(id)
    await jobs.retry(id)
    assert [job.id for job in await jobs.claim(9, worker="me", lease=30.0)] == [id]
    assert await jobs.claim(9, worker="me", lease=30.0) == []


@pytest.mark.parametrize("end", ["fail", "give_back", "lost"])
async def test_a_job_that_was_cancelled_while_it_ran_is_not_begun_again(jobs: Engine, end: str) -> None:
    id = await jobs.submit(JOB)
    job = await claim(jobs)
    found = await jobs.cancel(id)
    assert found is not None
    assert found.state == "running"
    assert [lease.cancelling for lease in await jobs.renew([(job, None)], lease=0.0 if end == "lost" else 30.0)] == [
        True
    ]
    if end == "fail":
        assert await jobs.fail(job, "no", again_in=0.0)
    elif end == "give_back":
        assert await jobs.give_back(job)
    assert await jobs.claim(1, worker="me", lease=30.0) == []
    assert await state(jobs, id) == "cancelled"


async def test_a_job_that_is_given_back_has_lost_no_try(jobs: Engine) -> None:
    id = await jobs.submit(JOB)
    assert await jobs.give_back(await claim(jobs))
    assert (await record(jobs, id)).tries == 0
    assert (await claim(jobs)).tries == 1


@pytest.mark.parametrize("end", ["fail", "give_back"])
async def test_every_end_after_the_lease_has_run_out_is_refused(jobs: Engine, end: str) -> None:
    id = await jobs.submit(JOB)
    first = await claim(jobs, lease=0.0)
    second = await claim(jobs, worker="another")
    ended = jobs.fail(first, "late", again_in=0.0) if end == "fail" else jobs.give_back(first, cancelled=True)
    assert not await ended
    assert await state(jobs, id) == "running"
    assert await jobs.finish(second, None)


async def test_only_what_ended_without_success_is_queued_again(jobs: Engine) -> None:
    id = await jobs.submit(JOB)
    for end in (None, "running", "succeeded"):
        if end == "running":
            job = await claim(jobs)
        elif end == "succeeded":
            await jobs.finish(job, 1)
        await jobs.retry(id)
        assert await state(jobs, id) == (end or "queued")
    await jobs.cancel(id)
    assert await state(jobs, id) == "succeeded"


async def test_the_newest_jobs_of_a_name_or_a_state(jobs: Engine) -> None:
    ids = [await jobs.submit(NewJob(name=name, args={})) for name in ("one", "two", "one", "two")]
    await claim(jobs)
    assert [one.id for one in await jobs.jobs(limit=3)] == ids[:0:-1]
    assert [one.id for one in await jobs.jobs(name="one")] == [ids[2], ids[0]]
    assert [one.id for one in await jobs.jobs(name="one", state="queued")] == [ids[2]]


async def test_a_job_that_is_no_json_or_no_text_concerns_its_caller_alone(jobs: Engine) -> None:
    with pytest.raises(TypeError):
        await jobs.submit(NewJob(name="job", args={"x": {1}}))
    with pytest.raises(UnicodeError):
        await jobs.submit(NewJob(name="no text \udcff", args={}))
    id = await jobs.submit(NewJob(name="text", args={"x": "\udcff", "y": 1e308, "z": [None, True, "ü"]}))
    assert (
        (await claim(jobs)).args == (await record(jobs, id)).args == {"x": "\udcff", "y": 1e308, "z": [None, True, "ü"]}
    )
