"""Integration: a worker on both engines, with real threads and processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Any, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.waiting import wait_until
from trio_lab.backoff import Backoff
from trio_lab.jobs.contract import Claimed, Engine, NewJob
from trio_lab.jobs.functions import JobFailed, JobFunctions
from trio_lab.jobs.progress import Told, job_progress
from trio_lab.jobs.work import JobWorker, _Run, open_job_worker

from .looking import ended, record

SOON = Backoff(first=0.001, last=0.001)


def knowing(*functions: Callable[..., Any]) -> JobFunctions:
    """What a worker does that knows these, by their names."""
    known = JobFunctions()
    for function in functions:
        known.register()(function)
    return known


def gated(result: str) -> tuple[JobFunctions, trio.Event]:
    """A function of this name, which returns the result once the event is set."""
    go = trio.Event()

    async def gated() -> str:
        await go.wait()
        return result

    return knowing(gated), go


async def submit(jobs: Engine, name: str, **args: Any) -> str:
    return await jobs.submit(NewJob(name=name, args=args, max_tries=3))


async def at_work(worker: JobWorker) -> None:
    """Until it has begun with a job, which has come to where it waits."""
    await wait_until(lambda: worker.running)
    await wait_all_tasks_blocked()


def pid() -> int:
    return os.getpid()


async def test_a_job_runs_where_its_function_says(jobs: Engine) -> None:
    functions = JobFunctions()

    @functions.register()
    async def on_loop() -> bool:
        return trio.lowlevel.in_trio_task()

    @functions.register()
    def in_thread() -> bool:
        return threading.current_thread() is not threading.main_thread()

    functions.register("in_process", where="process")(pid)
    async with open_job_worker(jobs, functions, processes=1):
        assert (await ended(jobs, await submit(jobs, "on_loop"))).result is True
        assert (await ended(jobs, await submit(jobs, "in_thread"))).result is True
        assert (await ended(jobs, await submit(jobs, "in_process"))).result not in (os.getpid(), None)


async def test_a_job_that_fails_is_tried_again_and_ends_as_a_dead_letter(jobs: Engine) -> None:
    functions, tries = JobFunctions(), []

    @functions.register(backoff=SOON)
    async def failing(times: int) -> int:
        tries.append(1)
        if len(tries) <= times:
            raise RuntimeError(f"try {len(tries)}")
        return len(tries)

    async with open_job_worker(jobs, functions) as worker:
        found = await ended(jobs, await submit(jobs, "failing", times=2))
        assert (found.state, found.result, found.tries) == ("succeeded", 3, 3)
        tries.clear()
        found = await ended(jobs, await submit(jobs, "failing", times=9))
        assert (found.state, found.error, found.tries) == ("dead", "RuntimeError: try 3", 3)
        assert (worker.succeeded, worker.failed) == (1, 5)
        tries[:] = [1] * 9
        await jobs.retry(found.id)
        assert (await ended(jobs, found.id)).state == "succeeded"


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("hopeless", {}, "JobFailed: no use"),
        ("hopeless", {"x": 1}, "hopeless: got an unexpected keyword argument 'x'"),
        ("unwritable", {}, "its result cannot be written as JSON: Object of type set is not JSON serializable"),
    ],
)
async def test_a_job_that_no_other_try_can_help_fails_at_once(
    jobs: Engine, name: str, args: dict[str, Any], error: str
) -> None:
    functions = JobFunctions()

    @functions.register()
    async def hopeless() -> None:
        raise JobFailed("no use")

    @functions.register()
    async def unwritable() -> object:
        return {1, 2}

    async with open_job_worker(jobs, functions):
        found = await ended(jobs, await submit(jobs, name, **args))
        assert (found.state, found.error, found.tries) == ("failed", error, 1)


async def test_a_job_whose_arguments_are_no_object_fails_at_once(jobs: Engine) -> None:
    args = cast(Any, [1])
    async with open_job_worker(jobs, knowing(forever)):
        found = await ended(jobs, await jobs.submit(NewJob(name="forever", args=args)))
        assert (found.state, found.tries) == ("failed", 1)
        assert found.error is not None
        assert "its arguments are no JSON object" in found.error


async def test_a_job_that_this_program_does_not_know_may_be_done_by_another(jobs: Engine) -> None:
    id = await submit(jobs, "new")
    async with open_job_worker(jobs, JobFunctions()) as worker:
        await wait_until(lambda: worker.failed)
    found = await record(jobs, id)
    assert (found.state, found.error) == ("queued", "no function is registered as 'new'")


async def test_a_running_job_is_cancelled_within_a_third_of_its_lease(jobs: Engine) -> None:
    async with open_job_worker(jobs, knowing(forever), lease=0.3) as worker:
        id = await submit(jobs, "forever")
        await at_work(worker)
        await jobs.cancel(id)
        assert (await ended(jobs, id)).state == "cancelled"


async def forever() -> None:
    job_progress(Fraction(1, 4))  # any number will do
    await trio.sleep_forever()


async def test_the_progress_of_a_job_is_told_when_its_lease_is_renewed(jobs: Engine) -> None:
    async with open_job_worker(jobs, knowing(forever), lease=0.3, grace=0.0):
        id = await submit(jobs, "forever")
        while (found := await jobs.get(id)) is None or found.progress is None:
            await trio.sleep(0.005)
        assert found.progress == 0.25


async def test_a_worker_that_is_stopped_gives_its_jobs_back(jobs: Engine) -> None:
    """So a restart costs no try."""
    async with open_job_worker(jobs, knowing(forever), grace=0.0) as worker:
        id = await submit(jobs, "forever")
        await at_work(worker)
    found = await record(jobs, id)
    assert (found.state, found.tries) == ("queued", 0)


async def test_a_worker_that_is_cancelled_gives_its_jobs_back(jobs: Engine) -> None:
    with trio.CancelScope() as scope:
        async with open_job_worker(jobs, knowing(forever)) as worker:
            id = await submit(jobs, "forever")
            await at_work(worker)
            scope.cancel()
    found = await record(jobs, id)
    assert (found.state, found.tries) == ("queued", 0)


async def test_a_stopped_worker_lets_its_jobs_end(jobs: Engine) -> None:
    functions, go = gated("ended")
    async with open_job_worker(jobs, functions, grace=60.0) as worker:
        id = await submit(jobs, "gated")
        await at_work(worker)
        worker.stop()
        late = await submit(jobs, "gated")
        await wait_all_tasks_blocked(0.01)
        go.set()
    assert (await record(jobs, id)).result == "ended"
    assert (await record(jobs, late)).state == "queued", "a stopped worker claims no more"


async def test_no_more_jobs_run_at_once_than_the_worker_has_places(jobs: Engine) -> None:
    functions, running, most = JobFunctions(), 0, 0

    @functions.register()
    async def counts() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.lowlevel.checkpoint()
        running -= 1

    ids = [await submit(jobs, "counts") for _ in range(20)]
    async with open_job_worker(jobs, functions, concurrency=3):
        for id in ids:
            assert (await ended(jobs, id)).state == "succeeded"
    assert most == 3


async def test_the_end_of_a_job_whose_lease_was_lost_does_not_count(jobs: Engine) -> None:
    functions, go = gated("too late")
    async with open_job_worker(jobs, functions, lease=60.0) as worker:
        id = await submit(jobs, "gated")
        await at_work(worker)
        worker.stop()  # or it would claim the job again itself
        (run,) = worker._runs
        await jobs.renew([(run.job, None)], lease=0.0)
        (again,) = await jobs.claim(1, worker="another", lease=60.0)
        assert (again.id, again.tries) == (id, 2)
        go.set()
        await wait_until(lambda: worker.fenced)
        assert await jobs.finish(again, "in time")
    found = await record(jobs, id)
    assert (found.result, worker.succeeded, worker.fenced) == ("in time", 0, 1)


async def test_a_worker_may_claim_a_job_again_whose_lease_it_has_lost(jobs: Engine) -> None:
    functions, go = gated("ended")
    async with open_job_worker(jobs, functions, lease=60.0) as worker:
        id = await submit(jobs, "gated")
        await at_work(worker)
        (run,) = worker._runs
        await jobs.renew([(run.job, None)], lease=0.0)
        await wait_until(lambda: worker.running == 2)
        go.set()
        found = await ended(jobs, id)
    assert (found.state, found.tries) == ("succeeded", 2)
    assert (worker.succeeded, worker.fenced, worker.running) == (1, 1, 0)


async def test_neither_an_error_nor_a_result_that_cannot_be_kept_ends_the_worker(jobs: Engine) -> None:
    functions = JobFunctions()

    @functions.register(max_tries=1)
    async def no_unicode() -> None:
        raise RuntimeError("no file \udcff")

    @functions.register()
    async def deep() -> list[Any]:
        found: list[Any] = []
        for _ in range(100_000):
            found = [found]
        return found

    @functions.register()
    async def exits() -> None:
        raise SystemExit(3)

    async with open_job_worker(jobs, functions) as worker:
        errors = [
            (await ended(jobs, await jobs.submit(NewJob(name=name, args={}, max_tries=1)))).error for name in functions
        ]
        assert worker.failed == 3
    assert errors[0] == "RuntimeError: no file \\udcff"
    assert errors[1] is not None
    assert errors[1].startswith("its result cannot be written as JSON")
    assert errors[2] == "SystemExit: 3"


async def fails_when_cancelled() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise ValueError("cleaning up")


async def fails_in_a_nursery_when_cancelled() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fails_when_cancelled)
        nursery.start_soon(trio.sleep_forever)


@pytest.mark.parametrize("function", [fails_when_cancelled, fails_in_a_nursery_when_cancelled])
@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_job_that_fails_at_being_interrupted(jobs: Engine, function: Any, cancelled: bool) -> None:
    """It is cancelled, or queued again, as one that does not fail at it."""
    functions = JobFunctions()
    functions.register("job")(function)
    async with open_job_worker(jobs, functions, lease=3.0 if cancelled else 30.0, grace=0.0) as worker:
        id = await submit(jobs, "job")
        await at_work(worker)
        if cancelled:
            await jobs.cancel(id)
            await ended(jobs, id)
    found = await record(jobs, id)
    assert (found.state, found.tries) == (("cancelled", 1) if cancelled else ("queued", 0))


async def test_several_workers_of_one_process_share_an_engine(jobs: Engine) -> None:
    functions = knowing(no_job)
    async with open_job_worker(jobs, functions), open_job_worker(jobs, functions):
        await wait_all_tasks_blocked(0.01)
        assert (await ended(jobs, await submit(jobs, "no_job"))).state == "succeeded"


async def no_job() -> None: ...


async def test_a_grace_that_is_no_duration(jobs: Engine) -> None:
    with pytest.raises(ValueError, match="grace must be from 0"):
        async with open_job_worker(jobs, JobFunctions(), grace=-1.0):
            pass


async def test_a_stopped_worker_does_not_wait_for_a_thread_that_does_not_end(jobs: Engine) -> None:
    functions, go = JobFunctions(), threading.Event()
    functions.register("blocks")(go.wait)
    try:
        async with open_job_worker(jobs, functions, grace=0.0) as worker:
            id = await submit(jobs, "blocks")
            await at_work(worker)
        found = await record(jobs, id)
        assert (found.state, found.tries) == ("queued", 0)
    finally:
        go.set()


@pytest.mark.parametrize(("lease", "given_up_after"), [(2.0, 2.0), (30.0, 5.0)])
async def test_an_end_that_cannot_be_told_holds_its_place_for_no_longer_than_a_lease(
    autojump_clock: object, lease: float, given_up_after: float
) -> None:
    class Away:
        async def fail(self, *_: Any, **__: Any) -> bool:
            raise OSError("no route to the host")

    worker = JobWorker(
        engine=cast(Engine, Away()),
        functions=JobFunctions(),
        places=cast(Any, None),
        name="w",
        concurrency=1,
        lease=lease,
        grace=0,
    )
    job = Claimed(id="1", name="unknown", args={}, tries=1, max_tries=3, worker="w")
    run, began = _Run(job=job, scope=trio.CancelScope(), told=Told()), trio.current_time()
    worker._runs.add(run)
    await worker._run(run, cast(Any, None))
    assert trio.current_time() - began == pytest.approx(given_up_after)
    assert worker.running == 0
