"""Contract: every wait for a worker has a bound, with real processes that do not do what they are asked to."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import trio

import trio_lab
from tests.waiting import wait_until
from trio_lab.measure.process import children, open_descriptors

from . import jobs, lingering
from .stopping import stop

LONG = 60.0  # seconds that no test takes, and that the workers here would outlast


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("trio_lab.pools.staff._END_TIME", 0.05)
    others, before = children(os.getpid()), open_descriptors(os.getpid())  # a server may be there for all tests
    yield
    assert children(os.getpid()) == others
    assert open_descriptors(os.getpid()) == before


async def all_of(*calls: Callable[[], Awaitable[int]]) -> set[int]:
    results: set[int] = set()

    async def one(call: Callable[[], Awaitable[int]]) -> None:
        results.add(await call())

    async with trio.open_nursery() as nursery:
        for call in calls:
            nursery.start_soon(one, call)
    return results


WAYS: dict[str, dict[str, Any]] = {
    "jobs": {"max_jobs": 1},
    "age": {"max_age": 1e-6},
    "memory": {"recycle_memory": 1},
    "resize": {},
    "scaling down": {"min_size": 1, "idle_timeout": 0.01},
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_retired_worker_that_does_not_end_is_ended(way: str) -> None:
    with trio.fail_after(LONG):
        kinds = lingering.ALL if way == "jobs" else lingering.FEW
        async with trio_lab.open_worker_pool(size=4, **WAYS[way]) as pool:
            await pool.wait_ready()
            before = await all_of(*(lambda job=job: pool.run(job) for job in kinds))
            if way == "resize":
                pool.resize(1)
            kept = 1 if way in ("resize", "scaling down") else 0
            await wait_until(lambda: len(before & set(children(os.getpid()))) <= kept)  # a zombie would be among them
            pool.resize(pool.limits.size)
            assert await all_of(*(lambda: pool.run(jobs.pid) for _ in kinds))
            assert pool.restarts == 0


async def test_a_worker_that_is_stopped_is_ended_when_it_is_one_too_many() -> None:
    with trio.fail_after(LONG):
        async with trio_lab.open_worker_pool(size=2) as pool:
            await pool.wait_ready()
            for pid in pool.pids():
                stop(pid)
            pool.resize(1)
            await wait_until(lambda: len(pool.pids()) == 1)


@pytest.mark.parametrize(
    ("grace", "kinds"), [(0.0, lingering.FEW), (30.0, lingering.ALL[:4]), (30.0, lingering.ALL[4:])]
)
async def test_closing_ends_workers_that_do_not_end(grace: float, kinds: tuple[Callable[[], int], ...]) -> None:
    with trio.fail_after(LONG):
        async with trio_lab.open_worker_pool(size=len(kinds), grace=grace) as pool:
            await pool.wait_ready()
            await all_of(*(lambda job=job: pool.run(job) for job in kinds))


async def test_closing_ends_workers_that_hang_before_they_are_ready() -> None:
    with trio.fail_after(LONG):
        async with trio_lab.open_worker_pool(size=3, grace=30.0, command=["/bin/sleep", "3600"]) as pool:
            await wait_until(lambda: len(pool.pids()) == 3)


@pytest.mark.parametrize("seed", range(2))
async def test_closing_while_workers_start_and_die_and_run(seed: int) -> None:
    dice = random.Random(seed)
    with trio.fail_after(LONG):
        async with trio.open_nursery() as nursery, trio_lab.open_worker_pool(size=3, grace=0.05, max_jobs=2) as pool:

            async def call() -> None:
                with suppress(trio.ClosedResourceError):
                    while True:
                        with suppress(trio_lab.BrokenWorkerError, trio_lab.RunTimeout, trio_lab.RestartLimitReached):
                            await pool.run(dice.choice([jobs.nothing, jobs.kill_me, jobs.sleep_long]), run_timeout=0.1)

            for _ in range(4):
                nursery.start_soon(call)
            for _ in range(dice.randrange(30)):
                await trio.sleep(0.005)
                pool.resize(dice.randint(1, 3))
                if pids := pool.pids():
                    os.kill(dice.choice(pids), dice.choice([signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT]))


@pytest.mark.parametrize("sizes", [(1,), (1, 3), (2, 1, 3)])
async def test_workers_are_waited_for_after_a_resize_while_they_start(sizes: tuple[int, ...]) -> None:
    async with trio_lab.open_worker_pool(size=3) as pool:
        for wanted in sizes:
            pool.resize(wanted)
            await trio.lowlevel.checkpoint()
        with trio.fail_after(LONG):
            await pool.wait_ready()
        assert pool.ready == pool.size == sizes[-1]


async def test_workers_are_waited_for_each_time_that_more_are_wanted() -> None:
    async with trio_lab.open_worker_pool(size=2) as pool:
        for size in (2, 1, 2):
            pool.resize(size)
            with trio.fail_after(LONG):
                await pool.wait_ready()
            assert pool.ready == size


async def test_a_resize_keeps_the_worker_that_is_ready() -> None:
    async with trio_lab.open_worker_pool(size=3, min_size=1) as pool:
        await pool.wait_ready()
        first = pool.pids()
        for size in (3, 1, 2, 1):
            pool.resize(size)
            await trio.lowlevel.checkpoint()
            assert set(first) <= set(pool.pids())
        await wait_until(lambda: pool.pids() == first)


async def test_who_waits_for_workers_is_told_that_the_pool_was_closed() -> None:
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await pool.wait_ready()

        async with trio_lab.open_worker_pool(size=1, command=["/bin/sleep", "3600"]) as pool:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
    with trio.fail_after(LONG):
        await wait()


async def test_a_program_that_ignores_its_children_loses_their_exit_codes_only() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        async with trio_lab.open_worker_pool(size=1, max_jobs=2) as pool:
            assert [await pool.run(jobs.echo, n) for n in range(4)] == [0, 1, 2, 3]
            with pytest.raises(trio_lab.BrokenWorkerError, match=r"the worker died$") as broken:
                await pool.run(jobs.kill_me)
            assert broken.value.exit_code is None
            with pytest.raises(trio_lab.RunTimeout):
                await pool.run(jobs.stubborn, run_timeout=0.05)
            assert await pool.run(jobs.echo, 1) == 1
    finally:
        signal.signal(signal.SIGCHLD, before)


async def test_a_body_that_fails_does_not_wait_for_running_jobs() -> None:
    with trio.fail_after(LONG):
        with pytest.raises(trio_lab.QueueFull):  # noqa: PT012
            async with trio_lab.open_worker_pool(size=1, grace=3600) as pool:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(pool.run, jobs.sleep_long)
                    await wait_until(lambda: pool.statistics().in_service == 1)
                    nursery.cancel_scope.cancel()  # its job goes on
                raise trio_lab.QueueFull("a queue")
