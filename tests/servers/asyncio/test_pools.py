"""Contract of the asyncio server's pools, with real threads and processes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from tests.admission.recorder import Recorded
from tests.pools import jobs, raised
from trio_lab.admission.gate import Place
from trio_lab.admission.on_asyncio import Bulkhead
from trio_lab.admission.reserved import RESERVED
from trio_lab.errors import BrokenWorkerError, Closed, JobError, QueueTimeout, RunTimeout
from trio_lab.measure.process import children
from trio_lab.servers.asyncio.process import Worker
from trio_lab.servers.asyncio.processes import WorkerPool, open_worker_pool
from trio_lab.servers.asyncio.threads import NativePool, open_native_pool
from trio_lab.worker.frames import dump

UNBOUNDED: dict[str, Any] = {"max_queue": None, "queue_timeout": None, "run_timeout": None}
PATIENCE = 30.0


def run(test: Coroutine[Any, Any, None]) -> None:
    async def within_patience() -> None:
        async with asyncio.timeout(2 * PATIENCE):
            await test

    asyncio.run(within_patience())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.005)


# Jobs, for workers to import.


def divide(a: int, b: int) -> float:
    return a / b


def stand_still(begun: str) -> None:
    """Tells that it has begun, and then runs Python code for ever."""
    Path(begun).write_text(str(os.getpid()))
    while True:
        time.sleep(0.01)


def die(code: int) -> None:
    os._exit(code)


def test_a_job_comes_back_with_its_value_or_its_error() -> None:
    async def test() -> None:
        async with open_worker_pool(size=1, **UNBOUNDED) as pool:
            value, waited = await pool.run(divide, 6, 3, kind="x")
            assert value == 2
            assert waited >= 0
            with pytest.raises(ZeroDivisionError):
                await pool.run(divide, 1, 0, kind="x")
            assert (pool.restarts, pool.statistics("x").completions) == (0, 2)

    run(test())


def test_a_jobs_error_is_the_same_as_from_the_trio_pool() -> None:
    async def test() -> None:
        async with open_worker_pool(size=1, **UNBOUNDED) as pool:
            worker = await only_child(pool)
            for name, (make, attributes) in raised.ARRIVE.items():
                with pytest.raises(type(make())) as arrived:
                    await pool.run(raised.raise_by_name, name, kind="x")
                assert {name: getattr(arrived.value, name) for name in attributes} == attributes
            for name, (_, told) in raised.TOLD.items():
                with pytest.raises(JobError) as error:
                    await pool.run(raised.raise_by_name, name, kind="x")
                assert told in str(error.value)
            for evil in raised.EVIL:
                with pytest.raises(JobError, match=f"cannot be read here: .*{evil.__name__}"):
                    await pool.run(raised.return_evil, evil, kind="x")
                with pytest.raises(evil if evil in raised.TRAVEL else JobError):
                    await pool.run(len, raised.EvilArgument(evil), kind="x")
            assert await only_child(pool) == worker

    run(test())


def test_what_cannot_be_pickled_costs_no_worker() -> None:
    async def test() -> None:
        async with open_worker_pool(size=1, **UNBOUNDED) as pool:
            worker = await only_child(pool)
            with pytest.raises(TypeError, match="cannot send argument 1 of divide, a function, to a worker"):
                await pool.run(divide, lambda: 1, 2, kind="x")
            with pytest.raises(JobError, match="return_unpicklable returned a function, which cannot be sent back"):
                await pool.run(jobs.return_unpicklable, kind="x")
            assert pool.statistics("x").arrivals == 1
            assert await only_child(pool) == worker

    run(test())


def sleep_after_the_signal(path: str) -> None:
    """As if the signal had come between Python's last look and the call that sleeps."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    Path(path).touch()
    signal.sigwait({signal.SIGUSR1})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    time.sleep(3600)


def test_a_job_that_has_missed_the_signal_is_ended_by_the_next(tmp_path: Path) -> None:
    async def test() -> None:
        begun = tmp_path / "begun"
        async with open_worker_pool(size=1, **UNBOUNDED) as pool:
            job = asyncio.create_task(pool.run(sleep_after_the_signal, str(begun), kind="x"))
            while not begun.exists():
                await asyncio.sleep(0.001)
            job.cancel()
            assert (await pool.run(divide, 6, 3, kind="x"))[0] == 2
            assert pool.restarts == 0

    run(test())


def test_an_interrupt_that_was_not_noticed_does_not_add_to_the_next_and_end_a_third_job() -> None:
    async def test() -> None:
        worker = await Worker.start()
        os.kill(worker.pid, signal.SIGSTOP)
        for _ in range(2):
            worker.call(dump((len, ("abc",))))
            worker.interrupt()
        os.kill(worker.pid, signal.SIGCONT)
        worker.call(dump((len, ("abc",))))
        assert [(await worker.outcome()).returned for _ in range(3)] == [True, False, True]
        await worker.end()

    run(test())


def test_a_job_whose_caller_leaves_before_it_began_does_not_run() -> None:
    async def test() -> None:
        async with open_worker_pool(size=1, **UNBOUNDED) as pool:
            await pool.wait_ready()
            for turns in (*range(6), 20) * 3:
                job = asyncio.create_task(pool.run(time.sleep, 3600, kind="x"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                job.cancel()
                assert (await pool.run(divide, 6, 3, kind="x"))[
                    0
                ] == 2  # no other than the one that left is interrupted
            assert pool.restarts == 0

    run(test())


def test_a_worker_runs_the_job_of_a_task_that_has_its_place_already() -> None:
    async def test() -> None:
        async with open_worker_pool(size=1, **UNBOUNDED) as pool:
            asked = pool.ask(list[Exception | None]().append, kind="x")
            RESERVED.set(asked.reserve())
            await pool.wait_ready()
            assert (await pool.run(len, "abc", kind="x"))[0] == 3
            assert (pool.busy, pool.statistics().arrivals) == (0, 1)

    run(test())


def test_a_signal_to_the_servers_process_group_does_not_reach_workers() -> None:
    async def test() -> None:
        async with open_worker_pool(size=1, **UNBOUNDED) as pool:
            assert (await pool.run(os.getpgrp, kind="x"))[0] != os.getpgrp()

    run(test())


def test_a_worker_that_dies_costs_its_job_and_no_other(tmp_path: Path) -> None:
    async def test() -> None:
        async with open_worker_pool(size=2, **UNBOUNDED) as pool:
            await pool.wait_ready()
            begun = tmp_path / "begun"
            neighbour = asyncio.create_task(pool.run(stand_still, str(begun), kind="x"))
            await until(begun.exists)
            with pytest.raises(BrokenWorkerError) as broken:
                await pool.run(die, 3, kind="x")
            assert broken.value.exit_code == 3
            assert (await pool.run(divide, 4, 2, kind="x"))[0] == 2
            await until(lambda: pool.restarts == 1)
            assert not neighbour.done()
            neighbour.cancel()
            await asyncio.wait([neighbour])

    run(test())


def test_an_idle_worker_that_dies_is_replaced_before_anybody_asks() -> None:
    async def test() -> None:
        async with open_worker_pool(size=1, **UNBOUNDED) as pool:
            await pool.wait_ready()
            worker = await only_child(pool)
            os.kill(worker, signal.SIGKILL)
            await until(lambda: pool.restarts == 1 and pool.statistics().capacity == 1)
            assert (await pool.run(divide, 4, 2, kind="x"))[0] == 2

    run(test())


async def only_child(pool: WorkerPool) -> int:
    return (await pool.run(os.getpid, kind="who"))[0]


def test_a_job_that_runs_too_long_is_ended_with_its_worker(tmp_path: Path) -> None:
    async def test() -> None:
        limits = UNBOUNDED | {"run_timeout": 1.0}
        async with open_worker_pool(size=1, **limits) as pool:
            begun = tmp_path / "begun"
            with pytest.raises(RunTimeout):
                await pool.run(stand_still, str(begun), kind="x")
            await until(lambda: pool.restarts == 1)

    run(test())


@pytest.mark.parametrize("size", [1, 20_000_000], ids=["small", "in-many-reads"])
def test_a_job_that_ended_while_the_loop_was_blocked_did_not_run_too_long(size: int, tmp_path: Path) -> None:
    async def test() -> None:
        async with open_worker_pool(size=1, **UNBOUNDED | {"run_timeout": 0.5}) as pool:
            worker = await only_child(pool)
            job = asyncio.create_task(pool.run(jobs.pieces, str(tmp_path / "begun"), size, kind="x"))
            await until((tmp_path / "begun").exists)
            loop = asyncio.get_running_loop()
            loop.call_soon(time.sleep, 0.6)  # the job ends meanwhile, and its time is over before its reply is read
            assert len((await job)[0]) == size
            assert await only_child(pool) == worker
            assert pool.restarts == 0

    run(test())


def test_a_caller_that_leaves_ends_its_job_and_keeps_the_worker(tmp_path: Path) -> None:
    async def test() -> None:
        discipline = Recorded[Place]()
        async with open_worker_pool(size=1, discipline=discipline, **UNBOUNDED) as pool:
            begun = tmp_path / "begun"
            job = asyncio.create_task(pool.run(stand_still, str(begun), kind="x"))
            await until(lambda: begun.exists() and begun.read_text() != "")
            job.cancel()
            assert await only_child(pool) == int(begun.read_text())  # it is free again, and the same
            assert pool.restarts == 0
            assert discipline.learner.words()[:2] == ["left", "ran"]

    run(test())


def test_closing_ends_running_jobs_and_leaves_no_process(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        begun = tmp_path / "begun"
        async with open_worker_pool(size=2, **UNBOUNDED) as pool:
            job = asyncio.create_task(pool.run(stand_still, str(begun), kind="x"))
            await until(begun.exists)
        await asyncio.wait([job])
        assert job.cancelled()
        assert children(os.getpid()) == before

    before = children(os.getpid())
    run(test())
    assert caplog.records == []  # asyncio warns when somebody else took a child's exit status


def test_a_pool_that_has_no_worker_lets_wait_and_then_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")  # no worker ever becomes ready

    async def test() -> None:
        limits = UNBOUNDED | {"queue_timeout": 0.05}
        async with open_worker_pool(size=1, **limits) as pool:
            with pytest.raises(QueueTimeout):
                await pool.run(divide, 4, 2, kind="x")

    run(test())


def test_as_many_threads_run_as_the_pool_has_now() -> None:
    async def test() -> None:
        release = threading.Event()
        async with open_native_pool(size=2, **UNBOUNDED) as pool:
            jobs = [asyncio.create_task(pool.run(release.wait, PATIENCE, kind="wait")) for _ in range(6)]
            await until(lambda: pool.statistics().waiting == 4)
            assert pool.statistics().in_service == 2
            pool.resize(5)
            assert (pool.size, pool.statistics().in_service) == (5, 5)
            release.set()
            assert await asyncio.gather(*jobs) == [True] * 6
            assert pool.abandoned == 0

    run(test())


def test_a_thread_whose_caller_left_holds_its_place_until_it_ends() -> None:
    async def test() -> None:
        release, begun = threading.Event(), threading.Event()

        def job() -> None:
            begun.set()
            release.wait(PATIENCE)

        discipline = Recorded[Place]()
        async with open_native_pool(size=1, discipline=discipline, **UNBOUNDED) as pool:
            caller = asyncio.create_task(pool.run(job, kind="wait"))
            await until(begun.is_set)
            caller.cancel()
            await asyncio.wait([caller])
            assert (pool.abandoned, pool.statistics().in_service) == (1, 1)
            release.set()
            await until(lambda: pool.statistics().in_service == 0)
            assert pool.abandoned == 0
            assert discipline.learner.words() == ["left", "ran"]

    run(test())


def test_a_thread_that_runs_too_long_is_left_behind() -> None:
    async def test() -> None:
        release = threading.Event()
        discipline = Recorded[Place]()
        limits = UNBOUNDED | {"run_timeout": 0.01}
        async with open_native_pool(size=1, discipline=discipline, **limits) as pool:
            with pytest.raises(RunTimeout):
                await pool.run(release.wait, PATIENCE, kind="wait")
            assert pool.abandoned == 1
            release.set()
            await until(lambda: pool.abandoned == 0)
            assert discipline.learner.words() == ["stayed", "ran"]  # until it was told, and then it was gone

    run(test())


class FakeWorker:
    """A worker process that is there, and then is not."""

    def kill(self) -> None: ...


def test_a_worker_that_dies_as_its_place_is_given_is_told_to_the_caller() -> None:
    async def test() -> None:
        bulkhead = Bulkhead("worker_pool", capacity=0)
        pool = WorkerPool(bulkhead, 1, None)
        caller = asyncio.create_task(pool.run(divide, 4, 2, kind="x"))
        await until(lambda: pool.waiting == 1)
        worker = cast(Any, FakeWorker())
        pool._living.add(worker)
        pool._idle.append(worker)
        bulkhead.resize(1)  # the caller is in …
        pool._give_up(worker)  # … and its worker is gone before the caller could take it
        with pytest.raises(BrokenWorkerError, match="before it was given the job"):
            await caller
        assert (pool.busy, pool.waiting) == (0, 0)

    run(test())


def test_a_place_given_as_the_pool_closes_comes_back() -> None:
    async def test() -> None:
        bulkhead = Bulkhead("native_pool", capacity=1)
        pool = NativePool(bulkhead, None)
        place = await bulkhead.enter()
        caller = asyncio.create_task(pool.run(divide, 4, 2, kind="x"))
        await until(lambda: pool.waiting == 1)
        bulkhead.leave(place)
        pool.close()
        with pytest.raises(Closed, match="native_pool is closed"):
            await caller
        assert pool.busy == 0

    run(test())


def test_what_would_end_the_program_is_a_job_error_from_a_thread_too() -> None:
    async def test() -> None:
        async with open_native_pool(size=1, **UNBOUNDED) as pool:
            for error in (SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration()):
                with pytest.raises(JobError, match=type(error).__name__):
                    await pool.run(raised.raise_it, error, kind="x")
            with pytest.raises(raised.Frozen):
                await pool.run(raised.raise_it, raised.Frozen(7), kind="x")

    run(test())
