"""Contract: the life of workers, and jobs that are sent ahead, with real processes."""

from __future__ import annotations

import fcntl
import logging
import math
import os
import signal
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import trio_lab
from tests.waiting import wait_until
from trio_lab.errors import BrokenWorkerError, RestartLimitReached
from trio_lab.measure.process import children, lives, open_descriptors
from trio_lab.pools import slot
from trio_lab.pools.process import _BOOT, WorkerProcess
from trio_lab.pools.workers import WorkerPool

from . import jobs
from .stopping import stop


@pytest.fixture(autouse=True)
def nothing_is_left():
    others, before = children(os.getpid()), open_descriptors(os.getpid())  # a server may be there for all tests
    yield
    assert children(os.getpid()) == others
    assert open_descriptors(os.getpid()) == before


async def make_brief(pool: WorkerPool, kind: str) -> None:
    """Let the pool learn that this kind is short."""
    for _ in range(30):
        await pool.run(jobs.nothing, kind=kind)


def balanced(pool: WorkerPool) -> bool:
    s = pool.statistics()
    return s.arrivals == s.completions + s.rejected + s.timed_out + s.cancelled + s.in_service + s.waiting


def sent_ahead(pool: WorkerPool) -> int:
    """Jobs that are with a worker and wait."""
    return sum(max(0, len(slot.jobs) - 1) for slot in pool._staff.slots)


async def test_no_job_stands_behind_a_long_one_while_a_worker_is_free(tmp_path: Path) -> None:
    gate, log = str(tmp_path / "go"), str(tmp_path / "log")
    async with trio_lab.open_worker_pool(size=2) as pool, trio.open_nursery() as nursery:
        await pool.wait_ready()
        await make_brief(pool, "short")
        # A kind that has always been short, and now is not: both workers are busy, and more are sent ahead.
        nursery.start_soon(lambda: pool.run(jobs.wait_for, gate, kind="short"))
        other = trio.CancelScope()

        async def second() -> None:
            with other:
                await pool.run(jobs.wait_for, gate + "2", kind="short")

        nursery.start_soon(second)
        await wait_all_tasks_blocked()
        for n in range(4):
            nursery.start_soon(lambda n=n: pool.run(jobs.append, log, str(n), kind="short"))
        await wait_all_tasks_blocked()
        assert pool.statistics().waiting == 4  # with a worker, or taken back: how many depends on the test's own speed
        Path(gate + "2").touch()  # one worker becomes free, and does the work of both
        await wait_until(lambda: Path(log).exists() and Path(log).read_text().count("\n") == 4)
        assert sorted(Path(log).read_text().split()) == ["0", "1", "2", "3"]
        await wait_until(lambda: pool.statistics().in_service == 1)  # the last reply may not have been read
        assert balanced(pool)
        Path(gate).touch()


@pytest.fixture
def long_is_never(monkeypatch: pytest.MonkeyPatch) -> None:
    """No job counts as one that runs long, so others are sent behind it however long the test takes."""
    monkeypatch.setattr(slot, "LONG", math.inf)


async def test_those_behind_a_long_job_go_before_later_ones_when_another_worker_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long_is_never: None
) -> None:
    gates, log = [str(tmp_path / name) for name in "ab"], str(tmp_path / "log")
    async with trio_lab.open_worker_pool(size=2) as pool, trio.open_nursery() as nursery:
        await pool.wait_ready()
        await make_brief(pool, "short")
        for gate in gates:
            nursery.start_soon(lambda gate=gate: pool.run(jobs.mark_then_wait, gate, kind="short"))
        await wait_until(lambda: all(map(os.path.exists, gates)))
        for text in [*["early"] * 6, *["late"] * 40]:
            nursery.start_soon(lambda text=text: pool.run(jobs.append, log, text, kind="short"))
            await wait_all_tasks_blocked()
        assert [len(slot.jobs) for slot in pool._staff.slots] == [4, 4]
        monkeypatch.undo()
        Path(gates[0] + ".go").touch()  # the other job goes on
        await wait_until(lambda: Path(log).exists() and Path(log).read_text().count("\n") == 46)
        assert Path(log).read_text().split()[:6] == ["early"] * 6
        Path(gates[1] + ".go").touch()


async def test_a_worker_works_with_the_smallest_pipe(tmp_path: Path, long_is_never: None) -> None:
    gate, log = str(tmp_path / "go"), str(tmp_path / "log")
    async with trio_lab.open_worker_pool(size=1) as pool, trio.open_nursery() as nursery:
        await make_brief(pool, "short")
        worker = pool._staff.slots[0].worker
        assert isinstance(worker, WorkerProcess)
        assert fcntl.fcntl(worker._packets, fcntl.F_SETPIPE_SZ, 4096) == 4096  # one packet
        nursery.start_soon(lambda: pool.run(jobs.mark_then_wait, gate, kind="short"))
        await wait_until(Path(gate).exists)
        for n in range(8):
            nursery.start_soon(lambda n=n: pool.run(jobs.append, log, str(n), kind="short"))
        await wait_all_tasks_blocked()
        assert pool.statistics().waiting == 8
        assert sent_ahead(pool) == 1
        Path(gate + ".go").touch()
    assert sorted(Path(log).read_text().split()) == list("01234567")
    assert balanced(pool)


async def test_jobs_sent_ahead_to_a_worker_that_dies_run_elsewhere(tmp_path: Path, long_is_never: None) -> None:
    gate, log = str(tmp_path / "go"), str(tmp_path / "log")
    async with trio_lab.open_worker_pool(size=1) as pool:
        await make_brief(pool, "short")
        failures: list[BaseException] = []

        async def victim() -> None:
            try:
                await pool.run(jobs.mark_then_wait, gate, kind="short")
            except BrokenWorkerError as error:
                failures.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(victim)
            await wait_until(Path(gate).exists)
            for n in range(3):
                nursery.start_soon(lambda n=n: pool.run(jobs.append, log, str(n), kind="short"))
            await wait_all_tasks_blocked()
            assert sent_ahead(pool) == 3
            os.kill(pool.pids()[0], signal.SIGKILL)
        assert len(failures) == 1
        assert sorted(Path(log).read_text().split()) == ["0", "1", "2"]
        assert balanced(pool)


async def test_on_cancel_stop_ends_the_job(tmp_path: Path) -> None:
    async with trio_lab.open_worker_pool(size=1, on_cancel="stop") as pool:
        worker = await pool.run(jobs.pid)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pool.run, jobs.mark_then_wait, str(tmp_path / "a"))
            await wait_until((tmp_path / "a").exists)
            nursery.cancel_scope.cancel()
        assert await pool.run(jobs.pid) == worker  # it had to end, for nobody opens its gate; the worker lived on


async def test_memory_beyond_the_bound_is_the_jobs_failure() -> None:
    async with trio_lab.open_worker_pool(size=1, memory=200_000_000) as pool:
        assert await pool.run(jobs.grab, 20) == 20_000_000
        with pytest.raises(MemoryError):
            await pool.run(jobs.grab, 1000)
        assert await pool.run(jobs.echo, 1) == 1
        assert pool.restarts == 0


async def test_a_call_beyond_the_bound_of_the_memory_is_its_jobs_failure() -> None:
    async with trio_lab.open_worker_pool(size=1, memory=40_000_000) as pool:
        with pytest.raises(MemoryError, match="the call is larger than the memory that is left"):
            await pool.run(jobs.echo, bytes(42_000_000))
        assert await pool.run(jobs.echo, b"a" * 20_000) == b"a" * 20_000
        assert pool.restarts == 0


async def test_a_worker_is_replaced_after_its_jobs() -> None:
    async with trio_lab.open_worker_pool(size=1, max_jobs=3) as pool:
        pids = [await pool.run(jobs.pid) for _ in range(7)]
    assert [len(set(pids[n : n + 3])) for n in (0, 3, 6)] == [1, 1, 1]
    assert len(set(pids)) == 3


async def test_workers_too_many_end_and_come_back() -> None:
    async with trio_lab.open_worker_pool(size=2) as pool:
        await pool.wait_ready()
        pool.resize(1)
        await wait_until(lambda: len(pool.pids()) == 1)
        assert await pool.run(jobs.echo, 1) == 1
        pool.resize(2)
        await wait_until(lambda: pool.ready == 2)
        with pytest.raises(ValueError, match="between 1 and 2"):
            pool.resize(3)


async def test_more_workers_live_while_there_is_work_for_them(tmp_path: Path) -> None:
    async with trio_lab.open_worker_pool(size=2, min_size=1, idle_timeout=0.05) as pool, trio.open_nursery() as nursery:
        await wait_until(lambda: pool.ready == 1)
        for _ in range(3):
            nursery.start_soon(pool.run, jobs.wait_for, str(tmp_path / "go"))
        await wait_until(lambda: pool.ready == 2)
        (tmp_path / "go").touch()
        await wait_until(lambda: len(pool.pids()) == 1)


async def test_a_pool_whose_workers_do_not_live_refuses_and_heals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fault = tmp_path / "fault"
    fault.touch()
    boot = f"import os, sys; os.path.exists({str(fault)!r}) and sys.exit('no such module'); "
    async with trio_lab.open_worker_pool(size=1, command=[sys.executable, "-P", "-c", boot + _BOOT]) as pool:
        with pytest.raises(RestartLimitReached):  # who waits is refused, too
            await pool.run(jobs.echo, b"x" * 1_000_000)
        fault.unlink()
        await wait_until(lambda: pool.ready == 1)
        assert await pool.run(jobs.echo, 1) == 1
        assert balanced(pool)
    assert "ended with 1 before it was ready: no such module" in caplog.text


async def test_a_large_call_is_never_half_taken_back() -> None:
    async with trio_lab.open_worker_pool(size=1, on_cancel="stop") as pool:
        worker = await pool.run(jobs.pid)
        stop(worker)  # it reads nothing
        with trio.move_on_after(0.05):
            await pool.run(jobs.echo, b"a" * 20_000)
        os.kill(worker, signal.SIGCONT)
        for letter in (b"b", b"c"):
            assert await pool.run(jobs.echo, letter * 20_000) == letter * 20_000


async def test_a_large_call_that_a_hung_worker_never_read_runs_elsewhere() -> None:
    async with trio_lab.open_worker_pool(size=1, run_timeout=0.5) as pool:
        stop(await pool.run(jobs.pid))
        assert await pool.run(jobs.echo, b"a" * 20_000) == b"a" * 20_000
        assert await pool.run(jobs.echo, b"b" * 20_000, run_timeout=60) == b"b" * 20_000
        assert pool.restarts == 1


async def test_what_a_job_forked_goes_with_its_worker() -> None:
    async with trio_lab.open_worker_pool(size=1) as pool:
        left_behind = await pool.run(jobs.fork_and_stay)
    await wait_until(lambda: not lives(left_behind))


async def test_a_job_that_moves_its_worker_to_another_group_does_not_hold_the_end() -> None:
    async with trio_lab.open_worker_pool(size=1, grace=0.0) as pool, trio.open_nursery() as nursery:
        nursery.start_soon(pool.run, jobs.hide_and_stay)
        await wait_until(lambda: any(os.getpgid(pid) != pid for pid in pool.pids()))
        nursery.cancel_scope.cancel()


async def test_what_jobs_print_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="trio_lab.pools"):
        async with trio_lab.open_worker_pool(size=1) as pool:
            assert await pool.run(jobs.chatter) == "said"
            await wait_until(lambda: "more noise" in caplog.text)
    assert "noise on stdout" in caplog.text


async def test_a_job_that_forks_is_answered_once() -> None:
    async with trio_lab.open_worker_pool(size=1) as pool:
        assert await pool.run(jobs.fork_twice_answered) == "parent"
        assert [await pool.run(jobs.echo, n) for n in range(5)] == [0, 1, 2, 3, 4]


async def test_kinds_have_statistics_of_their_own() -> None:
    async with trio_lab.open_worker_pool(size=1) as pool:
        await pool.run(jobs.echo, 1)
        await pool.run(jobs.echo, 2, kind="other")
        assert pool.kinds() == ["echo", "other"]
        assert pool.statistics("other").name == "worker_pool.other"
        assert [pool.statistics(kind).completions for kind in ("echo", "other", None)] == [1, 1, 2]
