"""Unit and scenario: the native pool, with real threads held by events instead of sleeps."""

from __future__ import annotations

import asyncio
import math
import os
import threading
from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trio_lab
from tests.waiting import wait_until
from trio_lab.admission.disciplines import ByPriority
from trio_lab.admission.gate import Place
from trio_lab.errors import JobError, QueueFull
from trio_lab.worker import priority

from ..admission.recorder import Recorded
from .raised import Frozen, NotAnException, raise_it


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


async def test_a_caller_may_leave_a_thread_behind_which_keeps_its_place(gate: Gate) -> None:
    discipline = Recorded[Place]()
    async with trio_lab.open_native_pool(size=1, max_queue=0, discipline=discipline) as pool:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(pool.run, gate.job, abandon_on_cancel=True))
            await gate.wait_entered(1)
            assert pool.abandoned == 0
            nursery.cancel_scope.cancel()  # this block would hang if the caller did not leave
        assert (pool.abandoned, pool.statistics().in_service) == (1, 1)
        assert "1 abandoned" in repr(pool)
        with pytest.raises(QueueFull):
            await pool.run(gate.job)
        gate.opened.set()
        await wait_until(lambda: not pool.statistics().in_service)
        assert pool.abandoned == 0
        assert pool.statistics().completions == 1
        assert discipline.learner.words() == ["left", "ran"]


@pytest.mark.parametrize("abandon", [False, True])
async def test_a_caller_that_is_cancelled_between_its_place_and_its_thread_gives_the_place_back(
    gate: Gate, abandon: bool
) -> None:
    discipline = Recorded[Place]()
    async with trio_lab.open_native_pool(size=1, discipline=discipline) as pool, trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def caller() -> None:
            with scope:
                await pool.run(divmod, 7, 2, abandon_on_cancel=abandon)

        nursery.start_soon(pool.run, gate.job)
        await gate.wait_entered(1)
        nursery.start_soon(caller)
        await wait_all_tasks_blocked()
        pool.resize(2)  # it has a place now …
        assert pool.statistics().in_service == 2
        scope.cancel()  # … and is cancelled before it runs
        await wait_all_tasks_blocked()
        assert scope.cancelled_caught
        assert (pool.abandoned, pool.statistics().in_service) == (0, 1)
        assert discipline.learner.words() == ["left"]
        found = pool.statistics("divmod")
        assert (found.completions, found.cancelled) == (0, 1)  # its job was never run
        gate.opened.set()


async def test_at_the_end_of_the_block_those_that_wait_and_those_that_come_are_refused(gate: Gate) -> None:
    async def refused() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await pool.run(divmod, 7, 2)

    async with trio.open_nursery() as nursery:
        async with trio_lab.open_native_pool(size=1) as pool:
            nursery.start_soon(pool.run, gate.job)
            await gate.wait_entered(1)
            nursery.start_soon(refused)
            await wait_all_tasks_blocked()
            assert pool.waiting == 1
        assert pool.waiting == 0
        await refused()
        gate.opened.set()
    assert (pool.statistics().completions, pool.statistics().cancelled) == (1, 1)


async def test_a_job_that_raises_after_its_caller_left_gives_its_place_back(gate: Gate) -> None:
    def fail() -> None:
        gate.job()
        raise ZeroDivisionError

    async with trio_lab.open_native_pool(size=1) as pool:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(pool.run, fail, abandon_on_cancel=True))
            await gate.wait_entered(1)
            nursery.cancel_scope.cancel()
        assert (pool.abandoned, pool.statistics().in_service) == (1, 1)
        gate.opened.set()
        assert await pool.run(divmod, 7, 2) == (3, 1)  # it waits for the thread that was left behind
        assert (pool.abandoned, pool.statistics().in_service) == (0, 0)


async def test_kinds_are_counted_apart() -> None:
    async with trio_lab.open_native_pool(size=2) as pool:
        await pool.run(divmod, 7, 2)
        for _ in range(2):
            await pool.run(divmod, 7, 2, kind="long")
        assert pool.kinds() == ["divmod", "long"]
        assert pool.statistics("long").name == "native_pool.long"
        assert [pool.statistics(kind).completions for kind in (None, "divmod", "long")] == [3, 1, 2]


async def test_jobs_run_at_a_nicer_priority_and_their_threads_get_their_own_back() -> None:
    def mine() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    usual = mine()  # the loop's own: an earlier test may have left a pool thread nicer
    nicer = min(usual + priority.NICER, 19) if priority._can_be_restored() else usual
    async with trio_lab.open_native_pool(size=1) as pool:
        for _ in range(3):
            assert await pool.run(mine) == nicer
        for _ in range(3):
            assert await trio.to_thread.run_sync(mine) == usual  # the same cached thread, in other hands


async def test_a_discipline_chooses_who_is_next(gate: Gate) -> None:
    served: list[int] = []
    async with (
        trio_lab.open_native_pool(size=1, discipline=ByPriority()) as pool,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(pool.run, gate.job)
        await gate.wait_entered(1)
        for urgency in (1, 3, 2):
            nursery.start_soon(partial(pool.run, served.append, urgency, priority=urgency))
            await wait_all_tasks_blocked()
        gate.opened.set()
    assert served == [3, 2, 1]


@pytest.mark.parametrize("size", [0, -1])
async def test_a_pool_of_nothing_is_a_mistake(size: int) -> None:
    async with trio_lab.open_native_pool(size=1) as pool:
        with pytest.raises(ValueError, match="size"):
            pool.resize(size)
    with pytest.raises(ValueError, match=f"size must be at least 1, not {size}"):
        await trio_lab.open_native_pool(size=size).__aenter__()


@pytest.mark.parametrize(("bound", "error"), [(-1, ValueError), (-2.5, TypeError), (True, TypeError), ("9", TypeError)])
async def test_a_queue_of_less_than_nothing_is_a_mistake(bound: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"max_queue must be .*, not {bound!r}"):
        await trio_lab.open_native_pool(max_queue=bound).__aenter__()


@pytest.mark.parametrize("bound", [-1, -0.5, math.nan])
async def test_a_queue_timeout_of_less_than_nothing_is_a_mistake(bound: float) -> None:
    with pytest.raises(ValueError, match=f"queue_timeout must not be negative or NaN, but is {bound}"):
        await trio_lab.open_native_pool(queue_timeout=bound).__aenter__()
    async with trio_lab.open_native_pool() as pool:
        with pytest.raises(ValueError, match="queue_timeout"):
            await pool.run(len, [], queue_timeout=bound)
        assert pool.kinds() == []


async def work() -> None: ...


async def test_what_is_no_plain_function_never_waits_for_a_thread() -> None:
    async with trio_lab.open_native_pool() as pool:
        for wrong in (work, work()):
            with pytest.raises(
                TypeError, match=r"NativePool\.run runs blocking functions, and work.*await it in your task"
            ):
                await pool.run(wrong)  # type: ignore[arg-type]
        assert pool.kinds() == []


async def test_a_function_that_returns_a_coroutine_is_named() -> None:
    async with trio_lab.open_native_pool() as pool:
        with pytest.raises(TypeError, match="<lambda> returned a coroutine"):
            await pool.run(lambda: work())


def test_under_asyncio_it_says_that_it_needs_trio() -> None:
    async def open_one() -> None:
        async with trio_lab.open_native_pool():
            pass

    with pytest.raises(RuntimeError, match="open_native_pool needs a Trio loop; this runs under asyncio"):
        asyncio.run(open_one())


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt("x"), GeneratorExit("x"), StopIteration("x")])
async def test_what_would_end_the_program_is_a_job_error(error: BaseException) -> None:
    async with trio_lab.open_native_pool(size=1) as pool:
        with pytest.raises(JobError, match=f"{type(error).__name__}: ") as raised:
            await pool.run(raise_it, error)
        assert raised.value.__cause__ is error
        assert await pool.run(abs, -1) == 1


@pytest.mark.parametrize("error", [Frozen(7), ExceptionGroup("g", [ValueError()]), NotAnException(), TimeoutError()])
async def test_a_jobs_own_error_is_its_callers(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        async with trio_lab.open_native_pool(size=1) as pool:
            await pool.run(raise_it, error)
    assert raised.value is error
