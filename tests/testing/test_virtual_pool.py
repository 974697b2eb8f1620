"""The worker pool in virtual time: everything but the processes is real, and so is what callers see."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest
import trio

from trio_lab.errors import BrokenWorkerError, JobError, QueueFull, QueueTimeout, RunTimeout
from trio_lab.testing import VirtualOptions, open_virtual_pool
from trio_lab.work import echo


class Odd(Exception):
    def __init__(self, *, why: str) -> None:
        super().__init__(why)
        self.why = why


def fail() -> None:
    raise Odd(why="on purpose")


def leave() -> None:
    raise SystemExit(3)


def lock() -> object:
    return threading.Lock()


async def test_a_job_takes_its_virtual_time_and_returns_what_the_function_does(autojump_clock: object) -> None:
    async with open_virtual_pool(VirtualOptions(size=1, takes=3.0, start=0.5)) as pool:
        assert await pool.run(echo, "x") == "x"
        assert trio.current_time() == pytest.approx(3.5)
        large = b"x" * 100_000
        assert await pool.run(echo, large) == large
        assert pool.statistics().completions == 2


async def test_an_exception_arrives_as_from_a_process(autojump_clock: object) -> None:
    async with open_virtual_pool(VirtualOptions(size=1)) as pool:
        with pytest.raises(Odd) as raised:
            await pool.run(fail)
        assert raised.value.why == "on purpose"
        assert "In the worker:" in raised.value.__notes__[0]


async def test_a_job_that_cannot_be_unpickled_has_failed(autojump_clock: object) -> None:
    async with open_virtual_pool(VirtualOptions(size=1)) as pool:
        with pytest.raises(TypeError, match="positional argument") as raised:
            await pool.run(echo, Odd(why="only by its name"))
        assert "In the worker:" in raised.value.__notes__[0]
        assert await pool.run(echo, 1) == 1


@pytest.mark.parametrize(("fn", "says"), [(leave, "SystemExit"), (lock, "cannot be sent back")])
async def test_what_cannot_travel_is_told_as_by_a_process(
    fn: Callable[[], object], says: str, autojump_clock: object
) -> None:
    async with open_virtual_pool(VirtualOptions(size=1)) as pool:
        with pytest.raises(JobError, match=says):
            await pool.run(fn)
        assert await pool.run(echo, 1) == 1


async def test_the_queue_and_its_timeout_are_the_pools(autojump_clock: object) -> None:
    ends: list[str] = []

    async def ask(queue_timeout: float | None = None) -> None:
        try:
            await pool.run(echo, 1, queue_timeout=queue_timeout)
            ends.append(f"served {trio.current_time():g}")
        except (QueueFull, QueueTimeout) as error:
            ends.append(f"{type(error).__name__} {trio.current_time():g}")

    async with open_virtual_pool(VirtualOptions(size=1, takes=1.0, start=0.0, max_queue=2)) as pool:
        await pool.wait_ready()
        async with trio.open_nursery() as nursery:
            for queue_timeout in (None, 0.5, None, None):
                nursery.start_soon(ask, queue_timeout)
                await trio.testing.wait_all_tasks_blocked()
    assert ends == ["QueueFull 0", "QueueTimeout 0.5", "served 1", "served 2"]


async def test_a_job_that_runs_too_long_is_ended_and_its_worker_stays(autojump_clock: object) -> None:
    async with open_virtual_pool(VirtualOptions(size=1, takes=5.0, start=0.0)) as pool:
        with pytest.raises(RunTimeout):
            await pool.run(echo, 1, run_timeout=1.0)
        assert trio.current_time() == pytest.approx(1.0)
        assert (pool.ready, pool.busy, pool.restarts) == (1, 0, 0)


async def test_a_caller_that_leaves_does_not_end_its_job(autojump_clock: object) -> None:
    async with open_virtual_pool(VirtualOptions(size=1, takes=5.0, start=0.0)) as pool:
        with trio.move_on_after(1.0):
            await pool.run(echo, 1)
        assert pool.busy == 1
        await trio.sleep(4.5)
        assert pool.busy == 0


async def test_a_killed_worker_takes_its_job_with_it_and_is_replaced(autojump_clock: object) -> None:
    async def kill() -> None:
        await trio.sleep(0.5)
        pool.kill()

    async with open_virtual_pool(VirtualOptions(size=1, takes=1.0)) as pool, trio.open_nursery() as nursery:
        nursery.start_soon(kill)
        with pytest.raises(BrokenWorkerError, match="signal 9"):
            await pool.run(echo, 1)
        assert await pool.run(echo, 2) == 2
        assert pool.started == pytest.approx([0.0, 0.5])


async def test_its_pids_are_those_of_no_process(autojump_clock: object) -> None:
    async with open_virtual_pool(VirtualOptions(size=2)) as pool:
        await pool.wait_ready()
        for pid in pool.pids():
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


async def test_it_closes_its_descriptors(autojump_clock: object) -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with open_virtual_pool(VirtualOptions(size=3, takes=100.0)) as pool:
        await pool.wait_ready()
        with trio.move_on_after(1.0):
            await pool.run(echo, 1)
    assert len(os.listdir("/proc/self/fd")) == before
