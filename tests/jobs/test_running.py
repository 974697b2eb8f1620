"""Unit: one try of a job, where its function says. Worker processes are virtual."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio

from trio_lab.errors import Overloaded, QueueFull, QueueTimeout, RestartLimitReached
from trio_lab.jobs.contract import Claimed
from trio_lab.jobs.functions import JobFailed, JobFunctions
from trio_lab.jobs.running import Failed, Places, Succeeded, run_once
from trio_lab.testing import VirtualOptions, open_virtual_pool
from trio_lab.work import echo


def refused(queue: str) -> None:
    raise QueueFull(queue)


async def hopeless(of: int) -> None:
    async def end(number: int) -> None:
        raise JobFailed("no use") if number == of - 1 else ValueError(number)

    async with trio.open_nursery() as nursery:
        for number in range(of):
            nursery.start_soon(end, number)


FUNCTIONS = JobFunctions()
FUNCTIONS.register()(hopeless)
FUNCTIONS.register("without_signature", where="process")(dict)
FUNCTIONS.register(where="process")(refused)


def job(name: str, **args: Any) -> Claimed:
    return Claimed(id="1", name=name, args=args, tries=1, max_tries=5, worker="me")


@pytest.mark.parametrize(
    ("max_queue", "queue_timeout", "refusal"), [(0, None, QueueFull), (9, 0.5, QueueTimeout)], ids=["full", "too late"]
)
async def test_a_pool_without_room_costs_no_try(
    max_queue: int, queue_timeout: float | None, refusal: type[Overloaded], autojump_clock: object
) -> None:
    """Others use it as well, and it takes the job when they have ended."""
    options = VirtualOptions(size=1, takes=5.0, start=0.0, max_queue=max_queue, queue_timeout=queue_timeout)
    async with open_virtual_pool(options) as pool, trio.open_nursery() as nursery:
        await pool.wait_ready()
        nursery.start_soon(pool.run, echo, 1)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(refusal):
            await pool.run(echo, 2)
        places = Places(threads=cast(Any, None), processes=pool)
        assert await run_once(job("without_signature", x=1), FUNCTIONS, places) == Succeeded(result={"x": 1})
        assert 10.0 <= trio.current_time() < 12.0


class Broken:
    """A pool that cannot keep a worker alive, for a while."""

    name = "worker_pool"

    async def run(self, *call: Any, **options: Any) -> Any:
        if trio.current_time() < 60.0:
            raise RestartLimitReached(self.name, retry_after=7.0)
        return "done"


async def test_a_pool_that_cannot_keep_a_worker_alive_costs_no_try(autojump_clock: trio.testing.MockClock) -> None:
    places = Places(threads=cast(Any, None), processes=cast(Any, Broken()))
    assert await run_once(job("without_signature"), FUNCTIONS, places) == Succeeded(result="done")
    assert trio.current_time() == 63.0


async def test_a_job_for_a_process_is_left_to_a_worker_that_has_some() -> None:
    places = Places(threads=cast(Any, None), processes=None)
    ended = await run_once(job("without_signature"), FUNCTIONS, places)
    assert ended == Failed(error="NoProcesses: this worker has no worker processes")


async def test_a_job_that_another_queue_refuses_has_failed(autojump_clock: object) -> None:
    async with open_virtual_pool(VirtualOptions(size=1)) as pool:
        places = Places(threads=cast(Any, None), processes=pool)
        ended = await run_once(job("refused", queue="database"), FUNCTIONS, places)
    assert ended == Failed(error="QueueFull: database is full")


@pytest.mark.parametrize("of", [1, 2])
async def test_a_job_of_several_tasks_is_not_tried_again_if_one_says_that_it_cannot_help(of: int) -> None:
    places = Places(threads=cast(Any, None), processes=None)
    assert await run_once(job("hopeless", of=of), FUNCTIONS, places) == Failed(error="JobFailed: no use", finally_=True)
