"""Seats: taken again after every end of a wait, and they hold on to nothing."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trio_lab
from trio_lab.errors import BrokenWorkerError

from . import jobs


async def test_a_seat_is_free_again_however_the_wait_ended() -> None:
    async with trio_lab.open_worker_pool(size=1, on_cancel="stop") as pool:
        for _ in range(3):
            with pytest.raises(BrokenWorkerError):
                await pool.run(jobs.leave, 3)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pool.run, jobs.spin)
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            assert await pool.run(jobs.echo, 1) == 1
        free = pool._seats._free
        assert len(free) == 1
        assert free[0].job is None


async def test_callers_at_one_time_have_a_seat_each() -> None:
    async with trio_lab.open_worker_pool(size=2) as pool:
        results: dict[int, int] = {}

        async def call(n: int) -> None:
            results[n] = await pool.run(jobs.echo, n)

        for _ in range(2):
            results.clear()
            async with trio.open_nursery() as nursery:
                for n in range(50):
                    nursery.start_soon(call, n)
            assert results == {n: n for n in range(50)}
        assert len(pool._seats._free) == 50


async def test_a_seat_that_was_cancelled_wakes_nobody_later() -> None:
    """The job goes on in its worker when its caller has left; the seat's next sitter must not get that job's result."""
    async with trio_lab.open_worker_pool(size=2) as pool:
        await pool.wait_ready()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pool.run, jobs.nap, 0.2)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with trio.fail_after(30):
            while not pool.statistics("nap").completions:
                assert await pool.run(jobs.echo, "mine") == "mine"
