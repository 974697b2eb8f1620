"""SQLite connections for a `ConnectionPool`: each statement runs in a thread, and a caller that is cancelled interrupts it.

SQLite waits for a lock inside the statement, where `interrupt` cannot reach it. So it is told not to wait: a statement that
finds the database locked is tried again by the task, which sleeps in between, can be cancelled, and holds no thread.

SQLite looks for an interrupt between its steps. A step that takes very long, because a function in Python hangs or the disk
does, is waited for only so long: then the connection is given up. The thread closes it when the step has ended.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, Unpack

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_BUSY_RECOVERY}
_FIRST, _LAST = 0.001, 0.02  # seconds between two tries to get a lock
_INTERRUPT_AGAIN = 0.001  # an interrupt that comes before the statement has begun has no effect
_INTERRUPTING = 1.0  # seconds that a statement may take to end once it is interrupted

Row = tuple[Any, ...]


class Locked(OSError):
    """You get it when another connection held the database for longer than you would wait."""


class SqliteConnection:
    """A connection as its caller has it, one statement at a time. Statements commit by themselves outside of a transaction,
    which ``BEGIN`` opens.

    ``lock_timeout`` is how many seconds a statement waits for other connections.
    """

    def __init__(self, connection: sqlite3.Connection, *, limiter: trio.CapacityLimiter, lock_timeout: float) -> None:
        self._connection = connection
        self._limiter = limiter
        self._lock_timeout = lock_timeout
        self.is_given_up = False
        """Whether a statement did not end when it was interrupted. Nothing can be done with the connection any more."""

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    async def execute(self, statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """All rows that a statement gives.

        A caller that is cancelled interrupts it; a change that is interrupted undoes the whole transaction.

        Raises:
            Locked: the database was locked for too long.
            OSError: the connection was given up.
            sqlite3.Error: the statement is wrong, or the disk is full.
        """
        wait, until = _FIRST, trio.current_time() + self._lock_timeout
        while True:
            try:
                return await self._in_thread(_fetch, self._connection, statement, values)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in _LOCKED:
                    raise
                if trio.current_time() >= until:
                    raise Locked(f"the database was locked for {self._lock_timeout:g} s") from None
            await trio.sleep(wait)
            wait = min(_LAST, 2 * wait)

    @trio.lowlevel.enable_ki_protection
    async def _in_thread(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """Run it to its end. A caller that is cancelled interrupts it, and waits for that end: so no statement runs on a
        connection that is given to somebody else. The same holds for Ctrl-C."""
        if self.is_given_up:
            await trio.lowlevel.checkpoint()
            raise OSError("the connection was given up: its last statement did not end")
        begin = [None]  # taken by the thread when it begins, or by a caller that leaves before
        end = [None]  # taken by the thread when it ends, or by a caller that waits no longer

        def work() -> T:
            begin.pop()
            try:
                return fn(*args)
            finally:
                if not _taken(end):
                    self._connection.close()

        try:
            return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)
        except (trio.Cancelled, KeyboardInterrupt):
            if not _taken(begin):
                await self._interrupt(end)
            raise

    async def _interrupt(self, end: list[None]) -> None:
        with trio.move_on_after(_INTERRUPTING, shield=True):
            while end:
                self._connection.interrupt()
                await trio.sleep(_INTERRUPT_AGAIN)
        self.is_given_up = _taken(end)

    async def rollback(self) -> None:
        """Undo what was not committed."""
        if not self.is_given_up and self._connection.in_transaction:
            try:
                await self._in_thread(self._connection.rollback)
            except sqlite3.Error as error:
                raise OSError(str(error)) from None

    async def close(self) -> None:
        if self.is_given_up:
            await trio.lowlevel.checkpoint()
        else:  # the last connection of a file also copies the WAL into it, which may take long: the thread does it to its end
            await trio.to_thread.run_sync(self._connection.close, abandon_on_cancel=True, limiter=self._limiter)


def _taken(one: list[None]) -> bool:
    """Take what two threads want and one gets; whether this one did."""
    with suppress(IndexError):
        one.pop()
        return True
    return False


def _fetch(connection: sqlite3.Connection, statement: str, values: Sequence[Any] | dict[str, Any]) -> list[Row]:
    """All rows are fetched: else the statement would keep its lock."""
    return connection.execute(statement, values).fetchall()


class Sqlite:
    """A file as the `Database` of a pool. ``prepare`` are statements for every new connection, such as PRAGMAs, and
    ``functions`` are Python functions of one argument that statements can call."""

    def __init__(
        self,
        path: str | Path,
        *,
        lock_timeout: float = 5.0,
        prepare: Sequence[str] = (),
        functions: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        self._path = path
        self._lock_timeout = lock_timeout
        self._prepare = tuple(prepare)
        self._functions = dict(functions or {})

    async def open(self) -> SqliteConnection:
        """Raises OSError when the file cannot be opened."""
        limiter = trio.CapacityLimiter(1)  # a connection has one caller, so nobody ever waits at it
        try:
            found = await trio.to_thread.run_sync(_connect, self._path, self._functions, limiter=limiter)
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}") from None
        connection = SqliteConnection(found, limiter=limiter, lock_timeout=self._lock_timeout)
        try:
            for statement in self._prepare:
                await connection.execute(statement)
        except BaseException as error:
            with trio.move_on_after(_INTERRUPTING, shield=True):
                await connection.close()
            if isinstance(error, sqlite3.Error):
                raise OSError(f"{self._path}: {error}") from None
            raise
        return connection

    async def is_alive(self, connection: SqliteConnection, *, unused: float) -> bool:
        """A file does not go away by itself."""
        return True

    async def make_clean(self, connection: SqliteConnection) -> bool:
        await connection.rollback()
        return not connection.is_given_up and not connection.in_transaction

    async def close(self, connection: SqliteConnection) -> None:
        await connection.close()


def _connect(path: str | Path, functions: Mapping[str, Callable[[Any], Any]]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    for name, function in functions.items():
        connection.create_function(name, 1, function)
    return connection
