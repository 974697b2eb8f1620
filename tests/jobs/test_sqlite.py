"""Integration: jobs in a real file, with the thread that writes it."""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from msgspec.structs import replace
from trio.testing import wait_all_tasks_blocked

from trio_lab.errors import UsageError
from trio_lab.jobs.contract import NewJob
from trio_lab.jobs.doorbell import Bell, Ear
from trio_lab.jobs.sqlite import SqliteJobs, Synchronous, open_sqlite_jobs

JOB = NewJob(name="job", args={"x": 1})


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[SqliteJobs]:
    async with open_sqlite_jobs(tmp_path / "jobs.sqlite") as opened:
        yield opened


async def test_jobs_outlive_the_program(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    async with open_sqlite_jobs(path) as jobs:
        id = await jobs.submit(JOB)
    async with open_sqlite_jobs(path) as jobs:
        assert [one.id for one in await jobs.jobs()] == [id]
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """As if another process were in the middle of a transaction."""
    lock = os.open(f"{path}-lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


async def test_a_caller_that_is_cancelled_before_its_turn_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    async with open_sqlite_jobs(path) as jobs:
        async with locked(path):
            with trio.move_on_after(0.05) as scope:
                await jobs.submit(JOB)
            assert scope.cancelled_caught
            assert await jobs.jobs() == [], "what only reads does not wait for the lock"
        id = await jobs.submit(JOB)
        assert [one.id for one in await jobs.jobs()] == [id]


async def test_what_was_asked_for_before_the_end_is_written(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    async with trio.open_nursery() as nursery:
        async with open_sqlite_jobs(path) as jobs:
            nursery.start_soon(jobs.submit, JOB)
            await wait_all_tasks_blocked()
        with pytest.raises(trio.ClosedResourceError):
            await jobs.submit(JOB)
    async with open_sqlite_jobs(path) as jobs:
        assert len(await jobs.jobs()) == 1


async def test_the_socket_of_a_dead_listener_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    async with open_sqlite_jobs(path) as jobs:
        folder = jobs._ear.path.parent
        left = folder / "1-dead"
        dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        dead.bind(str(left))
        dead.close()
        assert left.exists()
        await jobs.submit(JOB)
        await jobs.submit(JOB)  # the first may be delivered before its bell has rung
        assert not left.exists()


async def test_a_path_that_cannot_be_a_file_of_jobs_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot open"):
        async with open_sqlite_jobs(tmp_path / "no" / "such" / "folder"):
            pass
    (tmp_path / "text").write_text("not a database" * 100)
    with pytest.raises(UsageError, match="not a database"):
        async with open_sqlite_jobs(tmp_path / "text"):
            pass


async def test_a_file_that_was_deleted_takes_no_more_jobs(tmp_path: Path) -> None:
    """They would be gone with this process."""
    path = tmp_path / "jobs.sqlite"
    async with open_sqlite_jobs(path) as jobs:
        id = await jobs.submit(JOB)
        path.rename(tmp_path / "moved")
        with pytest.raises(OSError, match="No such file"):
            await jobs.submit(JOB)
        path.touch()
        with pytest.raises(OSError, match="was deleted or replaced while it was in use"):
            await jobs.submit(JOB)
        (tmp_path / "moved").rename(path)
        assert [one.id for one in await jobs.jobs()] == [id]
        await jobs.submit(JOB)


async def test_whatever_ends_a_transaction_its_callers_are_told(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    async with open_sqlite_jobs(path) as jobs:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            row = other.execute("SELECT * FROM tally").fetchone()
            other.execute("DELETE FROM tally")
            for _ in range(2):
                with pytest.raises(OSError, match="the jobs cannot be written"):
                    await jobs.submit(JOB)
            with pytest.raises(OSError, match=r"the jobs cannot be read: .* it has no counts"):
                await jobs.look()
            other.execute("INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        assert await jobs.submit(JOB) == "1"


async def test_a_lock_that_cannot_be_had_is_told_to_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    async with open_sqlite_jobs(path) as jobs:
        lock = jobs._writer._lock
        kept, useless = os.dup(lock), os.open(path, os.O_PATH)
        os.dup2(useless, lock)
        with trio.fail_after(5.0), pytest.raises(OSError, match=r"the jobs cannot be written: .*Bad file descriptor"):
            await jobs.submit(JOB)
        os.dup2(kept, lock)
        os.close(kept)
        os.close(useless)
        assert await jobs.submit(JOB) == "1"


async def test_a_folder_without_locks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_lab.jobs.sqlite.open_lock", lambda path: os.open(path.parent, os.O_PATH))
    with pytest.raises(UsageError, match=r"cannot lock .*: Bad file descriptor"):
        async with open_sqlite_jobs(tmp_path / "jobs.sqlite"):
            raise AssertionError


async def test_a_job_that_cannot_be_read_keeps_no_others_from_being_done(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    async with open_sqlite_jobs(path) as jobs:
        ids = [await jobs.submit(JOB) for _ in range(3)]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            for id, args in zip(ids, ("no JSON", "[" * 100_000), strict=False):
                other.execute("UPDATE job SET args = ? WHERE id = ?", (args, id))
        found = await jobs.claim(9, worker="me", lease=30.0)
        assert [(job.id, job.args) for job in found] == [(ids[0], None), (ids[1], None), (ids[2], {"x": 1})]
        assert len(await jobs.jobs()) == 3


async def test_a_process_that_keeps_the_lock_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that was stopped in the middle of a transaction: who opens the file can leave, and is not held for ever."""
    path = tmp_path / "jobs.sqlite"
    async with open_sqlite_jobs(path):
        pass
    async with locked(path):
        with trio.move_on_after(0.02) as scope:
            async with open_sqlite_jobs(path):
                raise AssertionError
        assert scope.cancelled_caught
        monkeypatch.setattr("trio_lab.jobs.sqlite._OPENING", 0.02)
        with pytest.raises(UsageError, match="another process has kept its lock"):
            async with open_sqlite_jobs(path):
                raise AssertionError
    monkeypatch.undo()
    async with open_sqlite_jobs(path) as jobs:  # those that left have left no lock behind
        await jobs.submit(JOB)


async def test_a_job_that_cannot_be_stored_does_not_keep_others_from_it(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    wrong: Any = object()

    async def refused() -> None:
        with pytest.raises(sqlite3.Error, match="not supported"):
            await jobs.submit(NewJob(name="job", args={}, priority=wrong))

    async with open_sqlite_jobs(path) as jobs, trio.open_nursery() as nursery:
        async with locked(path):  # so that they come into one transaction
            for work in (refused, partial(jobs.submit, JOB), partial(jobs.submit, JOB)):
                nursery.start_soon(work)
            await wait_all_tasks_blocked(0.01)
    async with open_sqlite_jobs(path) as jobs:
        assert len(await jobs.jobs()) == 2


def test_a_listener_is_heard_of_that_came_within_one_tick_of_the_clock(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with closing(Ear(path)) as first, closing(Bell(path)) as bell:
        bell.ring()
        folder = first.path.parent
        before = folder.stat().st_mtime_ns
        with closing(Ear(path)) as second:
            os.utime(folder, ns=(before, before))
            bell.ring()
            assert second.socket.recv(1) == b"1"


@pytest.mark.parametrize("letters", [48, 49, 90])
def test_workers_listen_wherever_temporary_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letters: int
) -> None:
    """The path of a socket may have 107 bytes only."""
    root = Path("/tmp", os.urandom(letters).hex()[: letters - len("/tmp/")])
    root.mkdir()
    try:
        monkeypatch.setattr("tempfile.tempdir", str(root))
        monkeypatch.setattr("os.getpid", lambda: 1 << 22)
        path = tmp_path / "jobs.sqlite"
        with closing(Ear(path)) as ear, closing(Bell(path)) as bell:
            assert (ear.path.parent.parent == root) is (letters == 48)
            bell.ring()
            assert ear.socket.recv(1) == b"1"
    finally:
        root.rmdir()


@pytest.mark.parametrize("mode", ["FULL", "NORMAL"])
async def test_what_is_acknowledged_waits_for_the_disk_and_a_claim_does_not(tmp_path: Path, mode: Synchronous) -> None:
    async with open_sqlite_jobs(tmp_path / "jobs.sqlite", synchronous=mode) as jobs:

        def waited() -> bool:
            (level,) = jobs._writer._writing.execute("PRAGMA synchronous").fetchone()
            return bool(level == 2)

        await jobs.submit(JOB)
        assert waited() == (mode == "FULL")
        (job,) = await jobs.claim(1, worker="me", lease=30.0)
        assert not waited()
        assert await jobs.give_back(job)
        assert waited() == (mode == "FULL")
        (job,) = await jobs.claim(1, worker="me", lease=30.0)
        await jobs.renew([(job, None)], lease=30.0)
        assert not waited()
        assert await jobs.finish(job, None)
        assert waited() == (mode == "FULL")


async def test_calls_of_all_kinds_share_a_transaction(tmp_path: Path) -> None:
    """Those for the same are done together; one that cannot be done, or was withdrawn, does not harm the others."""
    path, wrong = tmp_path / "jobs.sqlite", cast(Any, object())
    ends: dict[str, Any] = {}

    async def ask(name: str, call: Awaitable[Any]) -> None:
        try:
            ends[name] = await call
        except sqlite3.Error as error:
            ends[name] = str(error)[:5]

    async with open_sqlite_jobs(path) as jobs:
        for _ in range(4):
            await jobs.submit(JOB)
        mine = await jobs.claim(2, worker="me", lease=30.0)
        async with trio.open_nursery() as nursery:
            async with locked(path):  # so that they come into one transaction
                with trio.move_on_after(0.001) as withdrawn:
                    await jobs.claim(4, worker="withdrawn", lease=30.0)
                calls = {
                    "submitted": jobs.submit(JOB),
                    "claimed": jobs.claim(1, worker="me", lease=30.0),
                    "finished": jobs.finish(mine[0], 1),
                    "wrongly claimed": jobs.claim(1, worker=wrong, lease=30.0),
                    "fenced": jobs.finish(replace(mine[0], tries=7), 7),
                    "failed": jobs.fail(mine[1], "no", again_in=None),
                    "claimed too": jobs.claim(9, worker="you", lease=30.0),
                    "cancelled": jobs.cancel("3"),
                }
                for name, call in calls.items():
                    nursery.start_soon(ask, name, call)
                    await wait_all_tasks_blocked()
        assert withdrawn.cancelled_caught
        assert ends.pop("cancelled").state == "running"
        assert [one.worker for one in ends.pop("claimed")] == ["me"]
        assert [one.id for one in ends.pop("claimed too")] == ["5"]
        assert ends == {"submitted": "5", "finished": True, "fenced": False, "failed": True, "wrongly claimed": "Error"}
        states = [one.state for one in await jobs.jobs()]
    assert states == ["running", "queued", "running", "failed", "succeeded"]
