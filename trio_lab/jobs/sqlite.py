"""Background jobs in one SQLite file: the engine that needs no server. Any number of processes of one machine may share it.

A change is on the disk before its caller goes on (``synchronous="FULL"``): what was acknowledged survives the loss of power.
NORMAL survives the death of any process, but not that. A claim, or a lease that is renewed, acknowledges nothing, so it does
not wait for the disk: when the machine loses power its workers are gone as well, and the job is ready again.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from time import time
from typing import Any, Literal, TypeVar

import trio
from outcome import Outcome

from ..blocks import block
from ..errors import QueueFull, UsageError
from ..preconditions import require_count, require_loop
from ..records.job import JobRecord, JobState
from .contract import Claimed, Lease, NewJob
from .counted import Counted, number
from .doorbell import Bell, Ear
from .jsons import write_json
from .table import End, Table, key, new_row
from .writer import Call, Ends, Work, Writer, alone, open_lock

T = TypeVar("T")
_MOST = 1 << 16  # jobs of one claim
_OPENING = _CLOSING = 10.0  # seconds for which another process may keep the lock of the file
Synchronous = Literal["FULL", "NORMAL"]


class SqliteJobs(Counted):
    """The engine on Trio. Open it with `open_sqlite_jobs`.

    A caller that is cancelled before its transaction begins withdraws its change. After that it waits for the end of the
    transaction. That is short, because the lock of the file is waited for before: only the disk is left to wait for.
    """

    def __init__(self, path: Path, lock: int, *, max_waiting: int | None, synchronous: Synchronous, name: str) -> None:
        super().__init__(name, max_waiting)
        self._token = trio.lowlevel.current_trio_token()
        with ExitStack() as failing:
            failing.callback(os.close, lock)
            self._bell = failing.enter_context(closing(Bell(path)))
            self._ear = failing.enter_context(closing(Ear(path)))
            self._writer = Writer(
                path, lock, self._deliver, bound=max_waiting, synchronous=synchronous, ring=self._bell.ring
            )
            failing.pop_all()
        self._listening = trio.Lock()  # of several workers in this process one hears the bell, the others poll
        self._closed = False
        self._next_due: float | None = None

    def _deliver(self, ends: Ends) -> None:
        """In the writer's thread: one message to the loop for all of a transaction."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(_wake, ends)

    @trio.lowlevel.enable_ki_protection  # a Ctrl-C between asking and parking would lose the end
    async def _do(self, work: Work, asked: Any = None, *, reads: bool = False, lasting: bool = True) -> Any:
        """Have the writer do it, together with what others ask for.

        Raises:
            trio.ClosedResourceError: the engine was closed.
            OSError: it could not be written, because the disk is full for example. Then it has not happened.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise trio.ClosedResourceError(f"{self.name} was closed")
        call = _TaskCall(work, asked, trio.lowlevel.current_task(), lasting)
        if reads:
            self._writer.read(call)
        else:
            self._writer.write(call)
        return await trio.lowlevel.wait_task_rescheduled(call.abort)

    async def _do_alone(self, work: Callable[[Table], T], *, reads: bool = False) -> T:
        return await self._do(alone(work), reads=reads)  # type: ignore[no-any-return]

    # The contract of engines.

    async def submit(self, job: NewJob) -> str:
        id = await self._do(Table.submit, new_row(job, write_json(job.args), time()))
        if id is None:
            self._rejected += 1
            raise QueueFull(self.name)
        return str(id)

    async def get(self, id: str) -> JobRecord | None:
        row = number(id)
        return None if row is None else await self._do_alone(partial(_get, row), reads=True)

    async def jobs(self, *, state: JobState | None = None, name: str | None = None, limit: int = 50) -> list[JobRecord]:
        return await self._do_alone(lambda table: table.jobs(time(), state=state, name=name, limit=limit), reads=True)

    async def cancel(self, id: str) -> JobRecord | None:
        return await self._change(id, Table.cancel)

    async def retry(self, id: str) -> JobRecord | None:
        return await self._change(id, Table.retry)

    async def _change(self, id: str, change: Callable[[Table, int, float], None]) -> JobRecord | None:
        row, now = number(id), time()
        if row is None:
            return None

        def work(table: Table) -> JobRecord | None:
            change(table, row, now)
            return table.get(row, now)

        return await self._do_alone(work)

    async def claim(self, most: int, *, worker: str, lease: float) -> list[Claimed]:
        require_count("most", most, low=1)
        asked = min(most, _MOST), worker, float(lease)
        return await self._do(self._claim, asked, lasting=False)  # type: ignore[no-any-return]

    def _claim(self, table: Table, asked: Sequence[tuple[int, str, float]]) -> list[Any]:
        """In the writer's thread."""
        found = table.claim(asked, time())
        if [] in found:
            self._next_due = table.next_due()
        return list(found)

    async def renew(self, held: Sequence[tuple[Claimed, float | None]], *, lease: float) -> list[Lease]:
        work = alone(lambda table: table.renew(held, time(), lease))
        return await self._do(work, lasting=False)  # type: ignore[no-any-return]

    async def finish(self, job: Claimed, result: Any) -> bool:
        return await self._do(Table.finish, (write_json(result), *key(job)))  # type: ignore[no-any-return]

    async def finish_and_claim(self, job: Claimed, result: Any, *, lease: float) -> tuple[bool, Claimed | None]:
        asked = (write_json(result), *key(job)), float(lease)
        return await self._do(_finish_and_claim, asked)  # type: ignore[no-any-return]

    async def fail(self, job: Claimed, error: str, *, again_in: float | None) -> bool:
        text = error.encode(errors="backslashreplace").decode()  # a file's name in it may be no valid Unicode
        return await self._do_alone(lambda table: table.fail(job, text, time(), again_in))

    async def give_back(self, job: Claimed, *, cancelled: bool = False) -> bool:
        return await self._do_alone(lambda table: table.give_back(job, cancelled=cancelled))

    async def wait(self, timeout: float) -> None:
        """As the contract has it. A job that is scheduled, and a lease that runs out, end the wait too."""
        if self._next_due is not None:
            timeout = min(timeout, max(0.0, self._next_due - time()))
        with trio.move_on_after(timeout):
            async with self._listening:
                await trio.lowlevel.wait_readable(self._ear.socket)
                self._ear.clear()

    # The queue.

    async def look(self) -> None:
        self._tally = await self._do_alone(Table.tally, reads=True)

    async def _close(self) -> None:
        """Everything that was asked for is written first, unless another process keeps the lock for too long."""
        self._closed = True
        with trio.move_on_after(_CLOSING, shield=True):
            await trio.to_thread.run_sync(self._writer.close, limiter=trio.CapacityLimiter(1), abandon_on_cancel=True)
        self._bell.close()
        self._ear.close()


class _TaskCall(Call):
    __slots__ = ()

    def abort(self, _: object) -> trio.lowlevel.Abort:
        return trio.lowlevel.Abort.SUCCEEDED if self.withdraw() else trio.lowlevel.Abort.FAILED


def _wake(ends: list[tuple[trio.lowlevel.Task, Outcome[Any]]]) -> None:
    reschedule = trio.lowlevel.reschedule
    for task, end in ends:
        reschedule(task, end)


def _finish_and_claim(table: Table, asked: list[tuple[End, float]]) -> list[Any]:
    return list(table.finish_and_claim(asked, time()))


def _get(row: int, table: Table) -> JobRecord | None:
    return table.get(row, time())


async def _locked(path: Path) -> int:
    """The lock of the file, held. A process that was stopped in the middle of a transaction may keep it for ever."""
    await trio.lowlevel.checkpoint_if_cancelled()
    lock = open_lock(path)

    def wait() -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            os.close(lock)
            raise
        if not turn.take():
            os.close(lock)

    turn = Call(alone(lambda _: wait()), None, None)  # whether the thread has the lock before its caller leaves
    try:
        with trio.fail_after(_OPENING):
            await trio.to_thread.run_sync(wait, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1))
    except BaseException as error:
        if not turn.withdraw():
            os.close(lock)
        if isinstance(error, trio.TooSlowError):
            raise UsageError(f"cannot open {path}: another process has kept its lock for {_OPENING:g} s") from None
        if isinstance(error, OSError):  # a network's file system, for example
            raise UsageError(f"cannot lock {path}: {error.strerror}") from None
        raise
    return lock


@block
async def open_sqlite_jobs(
    path: str | Path,
    *,
    max_waiting: int | None = 10_000,
    synchronous: Synchronous = "FULL",
    name: str = "jobs",
) -> AsyncIterator[SqliteJobs]:
    """The jobs in the file ``path`` for the length of the block; the file is made if it is not there.

    ``max_waiting`` jobs may wait, those with a delay included; None is no bound.

    Raises:
        UsageError: the file cannot be opened, or holds something else.
    """
    require_loop("open_sqlite_jobs", "Trio")
    if max_waiting is not None:
        require_count("max_waiting", max_waiting, low=1)
    path = Path(path)
    lock = await _locked(path)
    jobs = SqliteJobs(path, lock, max_waiting=max_waiting, synchronous=synchronous, name=name)
    try:
        yield jobs
    finally:
        await jobs._close()
