"""Unit and scenario: the native pool, with real threads held by events instead of sleeps."""

from __future__ import annotations

import os
import threading

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trio_lab
from trio_lab.errors import QueueFull


class Gate:
    """Jobs that run until the gate is opened."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def job(self) -> None:
        self.entered.release()
        assert self.opened.wait(30)

    async def wait_entered(self, jobs: int) -> None:
        for _ in range(jobs):
            assert await trio.to_thread.run_sync(self.entered.acquire, True, 30)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


async def test_runs_and_returns() -> None:
    async with trio_lab.open_native_pool(size=1) as pool:
        assert await pool.run(divmod, 7, 3) == (2, 1)
        with pytest.raises(ZeroDivisionError):
            await pool.run(divmod, 7, 0)
        assert pool.statistics().completions == 2


async def test_no_more_jobs_run_than_there_are_threads(gate: Gate) -> None:
    async with trio_lab.open_native_pool(size=2, max_queue=1) as pool, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(pool.run, gate.job)
        await gate.wait_entered(2)
        await wait_all_tasks_blocked()
        assert (pool.statistics().in_service, pool.statistics().waiting) == (2, 1)
        with pytest.raises(QueueFull):
            await pool.run(gate.job)
        gate.opened.set()


async def test_growing_while_jobs_wait_starts_them(gate: Gate) -> None:
    async with trio_lab.open_native_pool(size=1) as pool, trio.open_nursery() as nursery:
        nursery.start_soon(pool.run, gate.job)
        nursery.start_soon(pool.run, gate.job)
        await gate.wait_entered(1)
        pool.resize(2)
        await gate.wait_entered(1)
        assert pool.size == 2
        gate.opened.set()


async def test_a_cancelled_caller_holds_its_place_until_the_thread_is_done(gate: Gate) -> None:
    async with trio_lab.open_native_pool(size=1) as pool, trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def caller() -> None:
            with scope:
                await pool.run(gate.job)

        nursery.start_soon(caller)
        await gate.wait_entered(1)
        scope.cancel()
        await wait_all_tasks_blocked()
        assert pool.statistics().in_service == 1
        gate.opened.set()
    assert pool.statistics().in_service == 0


async def test_other_threads_keep_their_priority_after_a_job() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    usual = await trio.to_thread.run_sync(priority)
    async with trio_lab.open_native_pool(size=1) as pool:
        for _ in range(3):
            assert await pool.run(priority) >= usual
        for _ in range(3):
            assert await trio.to_thread.run_sync(priority) == usual  # the same cached thread, in other hands


@pytest.mark.parametrize("size", [0, -1])
async def test_a_pool_of_nothing_is_a_mistake(size: int) -> None:
    async with trio_lab.open_native_pool(size=1) as pool:
        with pytest.raises(ValueError, match="size"):
            pool.resize(size)
