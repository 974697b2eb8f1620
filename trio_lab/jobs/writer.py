"""One thread of each process writes the file: whatever came in meanwhile goes into one transaction (*group commit*).

A commit that is safe against a loss of power waits for the disk (a good 0.2 ms, at times 8 ms). With a group in each, 64 tasks
pay for it once. Groups are full by themselves: the callers of a group are woken together, and all ask for more while the thread
waits for its turn in the interpreter. What is left to pay is CPU time, and the loop and the writer pay in turn, for only one of
them runs Python at a time. Measured with 64 tasks, a job costs 30 µs:

- 11 on the loop: 6 are Trio's own for two awaits (a submission, and an end with the claim of the next job), 3 are ours for the
  two calls, 2 a share of what each group costs there. A claim by a call of its own would cost another 6.
- 19 in the writer's thread: 8 are SQLite's statements, 3 the commits, 5 rows and results as Python objects, 3 the calls.

What did not help: `executemany` in a savepoint (as fast as one `execute` for each row), and rarer checkpoints.

Between processes an exclusive lock on a file beside the database is held for the length of a transaction. SQLite's own lock is
polled with growing pauses: of eight busy processes one then waited 1.7 s, where `flock` had the longest wait at 51 ms.
Checkpoints happen inside that lock too, also the one at the end, for SQLite before 3.51.3 could otherwise lose writes
(https://www.sqlite.org/wal.html, "the WAL-reset bug").

A call that has not been taken into a transaction yet can be withdrawn; then it never happens. Another thread, with a
connection of its own, serves calls that only read: they wait neither for the lock nor for the disk. Knows no event loop.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from outcome import Error, Outcome, Value

from ..errors import UsageError, in_a_line
from .schema import prepare
from .table import NOT_STORED, Table

Work = Callable[[Table, list[Any]], list[Any]]
"""Does to the table what several callers ask for, and returns what each of them gets; an exception is raised to its caller.
If it raises one itself, that ends the transaction."""

_MOST = 512  # calls in one transaction, so that the first does not wait long for the last


class Call:
    """Something to be done to the table: ``work`` on what is ``asked``. If it is ``lasting`` its caller is told once it is on
    the disk. Just one of `take` and `withdraw` returns True, whichever thread is first."""

    __slots__ = ("_free", "asked", "caller", "lasting", "work")

    def __init__(self, work: Work, asked: Any, caller: Any, lasting: bool = True) -> None:
        self.work, self.asked, self.caller, self.lasting = work, asked, caller, lasting
        self._free = [None]

    def take(self) -> bool:
        try:
            self._free.pop()  # one step for the interpreter: no lock is needed
        except IndexError:
            return False
        return True

    withdraw = take


def alone(work: Callable[[Table], Any]) -> Work:
    """Work for a single caller. If it fails, only this caller is told. But an error of SQLite may have undone the transaction,
    so all callers in it are told, unless the error is about a value that cannot be stored."""

    def done(table: Table, _: list[Any]) -> list[Any]:
        try:
            return [work(table)]
        except NOT_STORED as error:
            return [error]
        except sqlite3.Error:
            raise
        except Exception as error:
            return [error]

    return done


Calls = SimpleQueue[Call | None]
Ends = list[tuple[Any, Outcome[Any]]]
"""Each caller, with the outcome of its call."""


def open_lock(path: Path) -> int:
    """The descriptor that a process locks a file of jobs by.

    Raises:
        UsageError: it cannot be opened.
    """
    try:
        return os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {error.strerror}") from None


class Writer:
    """Opens the file and serves calls until it is closed. ``lock`` is its lock (see `open_lock`), held by the caller.
    ``deliver`` is called in the threads, once for each group of calls; ``ring`` when a transaction has made jobs ready.

    Raises:
        UsageError: the file cannot be opened, or holds something else.
    """

    def __init__(
        self,
        path: Path,
        lock: int,
        deliver: Callable[[Ends], None],
        *,
        bound: int | None,
        synchronous: str,
        ring: Callable[[], None],
    ) -> None:
        self._deliver = deliver
        self._ring = ring
        self._writes: Calls = SimpleQueue()
        self._reads: Calls = SimpleQueue()
        self._path, self._lock = path, lock
        self._usual = self._synchronous = synchronous
        self._writing, self._reading = _opened(path, synchronous)
        self._file = _file(path)
        fcntl.flock(lock, fcntl.LOCK_UN)
        self._table = Table(self._writing, bound=bound)
        self._seen = Table(self._reading, bound=bound)
        self._threads = [
            Thread(target=_serve, args=(calls, do), name=f"{what} jobs in {path.name}", daemon=True)
            for what, calls, do in (("writes", self._writes, self._write), ("reads", self._reads, self._read))
        ]
        for thread in self._threads:
            thread.start()

    def write(self, call: Call) -> None:
        """Queue a call for the next transaction, or for one soon after."""
        self._writes.put(call)

    def read(self, call: Call) -> None:
        """Queue a call that only reads. It sees every change that its caller has been told of."""
        self._reads.put(call)

    def close(self) -> None:
        """Serve the calls that were queued before, and end. Blocks until then."""
        self._reads.put(None)
        self._writes.put(None)
        for thread in self._threads:
            thread.join()
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._reading.close()
        self._writing.close()  # the last one to close copies the log into the database
        os.close(self._lock)

    # In the threads.

    def _read(self, first: Call) -> None:
        ends: Ends = []
        for call in _taken(first, self._reads):
            try:
                ends += _done(call.work, [call], self._seen)
            except sqlite3.Error as error:
                ends.append((call.caller, Error(OSError(f"the jobs cannot be read: {in_a_line(error)}"))))
        if ends:
            self._deliver(ends)

    def _write(self, first: Call) -> None:
        try:
            # This may wait for another process. Meanwhile more callers may come, and others may withdraw.
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:  # the file system, or the kernel, has no lock for us
            ends = _not_written(_taken(first, self._writes), error)
        else:
            try:
                ends = self._commit(_taken(first, self._writes))
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)
        if ends:
            self._deliver(ends)
        if self._table.rung:
            self._table.rung = 0
            self._ring()

    def _commit(self, group: list[Call]) -> Ends:
        """Do all calls in one transaction. A call that fails by itself changes nothing. If the transaction fails, no call has
        changed anything."""
        if not group:
            return []
        run = self._writing.execute
        try:
            if _file(self._path) != self._file:
                raise FileNotFoundError(f"{self._path} was deleted or replaced while it was in use")
            self._wait_for_the_disk(any(call.lasting for call in group))
            run("BEGIN IMMEDIATE")
            self._table.begun()
            ends: Ends = []
            for work, calls in _together(group).items():
                ends += _done(work, calls, self._table)
            self._table.ending()
            run("COMMIT")
        except Exception as error:  # any error: the callers have to be told, and this thread has to go on
            with suppress(sqlite3.Error):
                if self._writing.in_transaction:
                    run("ROLLBACK")
            self._table.rung = 0
            return _not_written(group, error)
        return ends

    def _wait_for_the_disk(self, wanted: bool) -> None:
        """Set whether the next commit waits. A commit that waits makes those before it safe too: the log is a single file."""
        mode = self._usual if wanted else "NORMAL"
        if mode != self._synchronous:
            self._writing.execute(f"PRAGMA synchronous = {mode}")
            self._synchronous = mode


def _opened(path: Path, synchronous: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    opened: list[sqlite3.Connection] = []
    try:
        for _ in range(2):
            opened.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False))
            prepare(opened[-1], synchronous=synchronous)
    except (sqlite3.Error, UsageError) as error:
        for connection in opened:
            connection.close()
        raise UsageError(f"cannot keep jobs in {path}: {error}") from None
    return opened[0], opened[1]


def _file(path: Path) -> tuple[int, int]:
    """Which file is there. Jobs in a file that was deleted would be acknowledged, and gone with this process."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _serve(calls: Calls, do: Callable[[Call], None]) -> None:
    """Serve each call together with those that have come meanwhile, until None comes."""
    while (call := calls.get()) is not None:
        do(call)


def _taken(first: Call, calls: Calls) -> list[Call]:
    """All that have come and were not withdrawn."""
    group: list[Call] = []
    call: Call | None = first
    with suppress(Empty):
        while call is not None:
            if call.take():
                group.append(call)
            if len(group) == _MOST:
                return group
            call = calls.get_nowait()
        calls.put(None)  # the end, once these are done
    return group


def _not_written(group: list[Call], why: Exception) -> Ends:
    reason = in_a_line(why)
    return [(call.caller, Error(OSError(f"the jobs cannot be written: {reason}"))) for call in group]


def _together(group: list[Call]) -> dict[Work, list[Call]]:
    """The calls for the same work. So some are done before others that came earlier; but as each caller waits for its call, all
    calls of a group are made at the same time, and may be done in any order."""
    found: dict[Work, list[Call]] = {}
    for call in group:
        if call.work in found:
            found[call.work].append(call)
        else:
            found[call.work] = [call]
    return found


def _done(work: Work, calls: list[Call], table: Table) -> Ends:
    gained = work(table, [call.asked for call in calls])
    return [
        (call.caller, Error(gain) if isinstance(gain, Exception) else Value(gain))
        for call, gain in zip(calls, gained, strict=True)
    ]
