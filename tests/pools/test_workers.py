"""Contract and collaboration: the worker pool with real processes. No job is timed; jobs say by files what they do."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

import trio_lab
from tests.waiting import wait_until
from trio_lab.admission.disciplines import Fifo
from trio_lab.errors import BrokenWorkerError, JobError, QueueFull, QueueTimeout, RunTimeout, first_of
from trio_lab.measure.process import children, lives, open_descriptors
from trio_lab.pools.workers import WorkerPool
from trio_lab.worker.priority import NICER

from . import jobs
from .stopping import stop


async def running(pool: WorkerPool, nursery: trio.Nursery, path: Path) -> None:
    """Start a job that runs until `path`.go exists; return when it runs."""
    nursery.start_soon(pool.run, jobs.mark_then_wait, str(path))
    await wait_until(path.exists)


def kill(pid: int) -> None:
    """Returns when the process has died, without letting any task run: nobody here has noticed yet."""
    descriptor = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([descriptor], [], [], 30)
    os.close(descriptor)


def finish(path: Path) -> None:
    Path(f"{path}.go").touch()


@pytest.fixture(autouse=True)
def nothing_is_left():
    others, before = children(os.getpid()), open_descriptors(os.getpid())  # a server may be there for all tests
    yield
    assert children(os.getpid()) == others
    assert open_descriptors(os.getpid()) == before


@pytest.fixture
async def pool(nothing_is_left: None):
    async with trio_lab.open_worker_pool(size=1) as pool:
        yield pool


async def test_runs_and_returns(pool: WorkerPool) -> None:
    assert await pool.run(jobs.echo, {"a": [1, 2.5, None]}) == {"a": [1, 2.5, None]}
    assert pool.statistics().completions == 1


async def test_the_child_has_no_trio_in_it(pool: WorkerPool) -> None:
    loaded = await pool.run(jobs.modules)
    assert "trio_lab.worker.child" in loaded
    assert not {"trio", "quart", "hypercorn", "msgspec"} & set(loaded)


async def test_jobs_run_at_a_nicer_priority_than_the_loop(pool: WorkerPool) -> None:
    loop = os.getpriority(os.PRIO_PROCESS, 0)
    assert await pool.run(os.getpriority, os.PRIO_PROCESS, 0) == min(loop + NICER, 19)


async def test_large_arguments_and_results_arrive_whole(pool: WorkerPool) -> None:
    blob = os.urandom(3_000_000)
    assert await pool.run(jobs.echo, blob) == blob


async def test_a_jobs_own_exception_comes_with_its_traceback(pool: WorkerPool) -> None:
    with pytest.raises(ValueError, match="a job's own") as raised:
        await pool.run(jobs.raise_value_error)
    assert "raise_value_error" in "".join(raised.value.__notes__)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (jobs.raise_system_exit, "SystemExit"),
        (jobs.raise_keyboard_interrupt, "KeyboardInterrupt"),
    ],
)
async def test_what_cannot_travel_is_a_job_error(pool: WorkerPool, job: Callable[[], None], said: str) -> None:
    with pytest.raises(JobError, match=said):
        await pool.run(job)
    assert await pool.run(jobs.echo, "still there") == "still there"
    assert pool.restarts == 0


async def test_a_pool_that_was_refused_for_one_job_is_not_the_reason_why_another_cannot_be_read(
    pool: WorkerPool,
) -> None:
    await pool.run(jobs.echo, jobs.CallsWhenRead(jobs.open_a_pool_and_go_on))
    with pytest.raises(ValueError, match="a job's own"):
        await pool.run(jobs.echo, jobs.CallsWhenRead(jobs.raise_value_error))


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (jobs.return_unpicklable, "return_unpicklable returned a function, which cannot be sent back .*plain values"),
        (jobs.return_generator, r"return_generator returned a generator, .*cannot pickle.*return list\(\.\.\.\) of it"),
        (jobs.return_coroutine, "return_coroutine returned a coroutine, which cannot be sent back"),
    ],
)
async def test_a_result_that_cannot_travel_is_a_job_error(pool: WorkerPool, job: Callable[[], Any], says: str) -> None:
    with pytest.raises(JobError, match=says):
        await pool.run(job)
    assert await pool.run(jobs.echo, 1) == 1
    assert pool.restarts == 0


async def test_what_a_worker_cannot_run_takes_no_place(pool: WorkerPool) -> None:
    with pytest.raises(TypeError, match="cannot send argument 1 of echo, a function, to a worker"):
        await pool.run(jobs.echo, lambda: None)
    with pytest.raises(TypeError, match=r"cannot send .*<lambda> to a worker"):
        await pool.run(lambda: None)
    assert pool.statistics().arrivals == 0


@pytest.mark.parametrize(
    ("job", "args", "exit_code"), [(jobs.leave, (7,), 7), (jobs.leave, (0,), 0), (jobs.kill_me, (), -signal.SIGKILL)]
)
async def test_a_worker_that_dies_in_a_job_is_named_and_replaced(
    pool: WorkerPool, job: Callable[..., None], args: tuple[Any, ...], exit_code: int
) -> None:
    with pytest.raises(BrokenWorkerError) as raised:
        await pool.run(job, *args)
    assert raised.value.exit_code == exit_code
    assert await pool.run(jobs.echo, 1) == 1
    assert pool.restarts == 1


async def test_a_worker_that_dies_idle_is_replaced_and_nobody_notices(pool: WorkerPool) -> None:
    kill(await pool.run(jobs.pid))
    assert await pool.run(jobs.echo, 1) == 1


async def test_a_worker_that_dies_before_it_has_read_its_job_costs_no_job(pool: WorkerPool) -> None:
    first = await pool.run(jobs.pid)
    stop(first)
    async with trio.open_nursery() as nursery:
        results: list[int] = []

        async def second() -> None:
            results.append(await pool.run(jobs.pid))

        nursery.start_soon(second)
        await wait_all_tasks_blocked()
        assert pool.statistics().in_service == 1
        kill(first)
    assert len(results) == 1
    assert results != [first]


async def test_run_timeout_ends_the_job_and_keeps_the_worker(nothing_is_left: None) -> None:
    async with trio_lab.open_worker_pool(size=1, run_timeout=0.2) as pool:
        for job in (jobs.spin, jobs.sleep_long):
            with pytest.raises(RunTimeout):
                await pool.run(job)
        assert await pool.run(jobs.echo, 1, run_timeout=60) == 1
        assert pool.restarts == 0
        with pytest.raises(RunTimeout):
            await pool.run(jobs.spin, run_timeout=0.05)


async def test_run_timeout_kills_the_worker_of_a_job_that_does_not_end(nothing_is_left: None) -> None:
    async with trio_lab.open_worker_pool(size=1, run_timeout=0.2) as pool:
        with pytest.raises(RunTimeout):
            await pool.run(jobs.stubborn)
        assert await pool.run(jobs.echo, 1, run_timeout=60) == 1
        assert pool.restarts == 1


async def test_an_interrupt_for_another_job_ends_nothing(pool: WorkerPool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    async with trio.open_nursery() as nursery:
        await running(pool, nursery, path)
        (slot,) = pool._staff.slots
        assert slot.worker is not None
        slot.worker.interrupt(slot.jobs[0].number + 1)
        finish(path)
    assert pool.statistics().completions == 1


def test_ctrl_c_while_a_job_is_admitted_leaves_no_job_behind() -> None:
    class Interrupted(Fifo[Any]):
        """Ctrl-C comes when the job is in the queue and its caller is not parked yet."""

        def push(self, entry: Any) -> None:
            super().push(entry)
            signal.raise_signal(signal.SIGINT)

    pools: list[WorkerPool] = []

    async def main() -> None:
        async with trio_lab.open_worker_pool(size=1, discipline=Interrupted()) as pool:
            pools.append(pool)
            await pool.run(jobs.nothing)

    with pytest.raises(BaseException) as raised:  # noqa: PT011  (a group that holds the interrupt)
        trio.run(main)
    assert isinstance(first_of(raised.value), KeyboardInterrupt)
    assert pools[0]._dispatcher.tallies.total().cancelled == 1


async def test_a_cancelled_caller_leaves_at_once_and_its_job_keeps_the_place(pool: WorkerPool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    async with trio.open_nursery() as nursery:
        await running(pool, nursery, path)
        nursery.cancel_scope.cancel()
    assert pool.statistics().in_service == 1
    finish(path)
    assert await pool.run(jobs.echo, 1) == 1
    assert pool.statistics().in_service == 0


async def test_a_caller_in_a_cancelled_scope_starts_no_job(pool: WorkerPool, tmp_path: Path) -> None:
    await pool.wait_ready()
    for run in (pool.run, pool.run_timed):
        with trio.CancelScope() as scope:
            scope.cancel()
            await run(jobs.append, str(tmp_path / "log"), "run")
        assert scope.cancelled_caught
    assert await pool.run(jobs.echo, 1) == 1
    assert (pool.statistics().arrivals, (tmp_path / "log").exists()) == (1, False)


async def test_a_job_that_its_worker_has_not_read_is_not_run_when_its_caller_leaves(
    pool: WorkerPool, tmp_path: Path
) -> None:
    worker = await pool.run(jobs.pid)
    stop(worker)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.run, jobs.append, str(tmp_path / "log"), "run")
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    os.kill(worker, signal.SIGCONT)
    assert await pool.run(jobs.pid) == worker
    assert not (tmp_path / "log").exists()
    assert pool.statistics().cancelled == 1


async def test_with_a_queue_timeout_of_0_an_idle_worker_takes_the_job_and_others_are_refused(tmp_path: Path) -> None:
    async with (
        trio_lab.open_worker_pool(size=1, queue_timeout=0) as pool,
        trio_lab.open_native_pool(size=1, queue_timeout=0) as threads,
        trio.open_nursery() as nursery,
    ):
        await pool.wait_ready()
        for n in range(20):
            assert await pool.run(jobs.echo, n) == n
            assert await threads.run(jobs.echo, n) == n
        await running(pool, nursery, tmp_path / "a")
        with pytest.raises(QueueTimeout):
            await pool.run(jobs.echo, 1)
        finish(tmp_path / "a")


@pytest.mark.parametrize("run", [WorkerPool.run, WorkerPool.run_timed])
async def test_one_that_is_refused_again_and_again_does_not_hold_up_the_loop(run: Any, tmp_path: Path) -> None:
    async with trio_lab.open_worker_pool(size=1, max_queue=0) as pool, trio.open_nursery() as nursery:
        await pool.wait_ready()
        await running(pool, nursery, tmp_path / "job")
        with assert_checkpoints(), pytest.raises(QueueFull):
            await run(pool, jobs.echo, 1)
        finish(tmp_path / "job")


async def test_closing_waits_for_running_jobs_and_refuses_the_rest(tmp_path: Path, nothing_is_left: None) -> None:
    outcomes: dict[str, str] = {}

    async def call(name: str, *job: Any) -> None:
        try:
            await pool.run(*job)
            outcomes[name] = "done"
        except trio.ClosedResourceError:
            outcomes[name] = "closed"

    async with trio.open_nursery() as nursery:
        async with trio_lab.open_worker_pool(size=1, grace=30) as pool:
            nursery.start_soon(call, "running", jobs.mark_then_wait, str(tmp_path / "a"))
            await wait_until((tmp_path / "a").exists)
            nursery.start_soon(call, "waiting", jobs.echo, 1)
            await wait_all_tasks_blocked()
            finish(tmp_path / "a")
    assert outcomes == {"running": "done", "waiting": "closed"}
    with pytest.raises(trio.ClosedResourceError):
        await pool.run(jobs.echo, 1)


async def test_closing_does_not_wait_past_its_grace(tmp_path: Path, nothing_is_left: None) -> None:
    async with trio.open_nursery() as nursery:

        async def call() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await pool.run(jobs.mark_then_wait, str(tmp_path / "a"))

        async with trio_lab.open_worker_pool(size=1, grace=0.05) as pool:
            nursery.start_soon(call)
            await wait_until((tmp_path / "a").exists)


async def test_cancelling_the_block_leaves_no_child(tmp_path: Path, nothing_is_left: None) -> None:
    with trio.CancelScope() as scope:
        async with trio_lab.open_worker_pool(size=2) as pool, trio.open_nursery() as nursery:
            await running(pool, nursery, tmp_path / "a")
            scope.cancel()


async def test_a_pool_that_was_closed_gets_no_more_workers(tmp_path: Path, nothing_is_left: None) -> None:
    async with trio.open_nursery() as nursery:
        async with trio_lab.open_worker_pool(size=2) as pool:
            pool.resize(1)
            await pool.wait_ready()
            await running(pool, nursery, tmp_path / "job")
            pool._close()
            for _ in range(2):  # while a job still runs, and when none does
                with pytest.raises(trio.ClosedResourceError, match="was closed"):
                    pool.resize(2)
                finish(tmp_path / "job")
                await wait_until(lambda: not pool.pids())


async def test_closing_while_workers_start_leaves_no_child(nothing_is_left: None) -> None:
    async with trio_lab.open_worker_pool(size=2, grace=30):
        pass


@pytest.mark.parametrize(("job", "result"), [(jobs.chatter, "said"), (jobs.close_descriptors, "closed")])
async def test_a_jobs_bad_manners_do_not_reach_the_protocol(
    pool: WorkerPool, job: Callable[[], str], result: str
) -> None:
    assert await pool.run(job) == result
    assert await pool.run(jobs.echo, 1) == 1
    assert pool.restarts == 0


async def test_a_worker_that_forked_and_died_is_seen_as_dead(pool: WorkerPool) -> None:
    worker, left_behind = await pool.run(jobs.pid), await pool.run(jobs.fork_and_stay)
    try:
        kill(worker)  # the forked process still holds the pipes open
        assert await pool.run(jobs.pid) != worker
    finally:
        with contextlib.suppress(ProcessLookupError):  # it goes with its worker
            os.kill(left_behind, signal.SIGKILL)


PARENT = """
import sys, trio, trio_lab
from tests.pools import jobs
async def main():
    async with trio_lab.open_worker_pool(size=2) as pool, trio.open_nursery() as nursery:
        print(await pool.run(jobs.pid), flush=True)
        nursery.start_soon(pool.run, jobs.spin)
        await trio.sleep_forever()
trio.run(main)
"""


async def test_workers_die_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert parent.stdout is not None
    with parent.stdout:
        worker = int(parent.stdout.readline())
    pids = [worker, *children(parent.pid)]
    parent.kill()
    parent.wait()
    await wait_until(lambda: not any(map(lives, pids)))
