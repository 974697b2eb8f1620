"""PostgreSQL connections for a `ConnectionPool`, natively on Trio: psycopg's generators say what they wait for, and Trio waits.

psycopg's own asynchronous connection waits on asyncio, in a few methods only. The subclass here has these wait on Trio. They
are not psycopg's public face, so its version is pinned. A caller that is cancelled has the server cancel its statement, and
leaves when that has ended: so the connection is clean, and is used again.

An address may name several hosts, and a host may have several addresses: they are tried one after the other, as libpq does.

Needs the extra ``postgres``.
"""

from __future__ import annotations

import math
import select
from collections.abc import Generator
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import psycopg
import trio
from psycopg._conninfo_attempts import conninfo_attempts
from psycopg.abc import ConnDict
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import ConnStatus, PipelineStatus, TransactionStatus

T = TypeVar("T")

_NOTHING, _READ, _WRITE = 0, 1, 2  # what psycopg's generators wait for, and are told
_CANCELLING = 2.0  # seconds for the server to end a statement that was cancelled; then the connection is closed
_CONNECTING = 5.0  # seconds: libpq's own bound is not kept by what is used of psycopg here
_LOOKUPS = (
    8  # threads that look names up. One that gets no answer keeps its place, and it must be none of the program's
)
_UNUSED = 10.0  # seconds without use after which a connection is asked whether it answers
_CHECKING = 2.0  # seconds for the answer of a connection that was not used for long


WrongAddress = psycopg.ProgrammingError
Broken = psycopg.OperationalError
"""What a statement raises when its connection breaks, among other things."""


class PostgresConnection(psycopg.AsyncConnection[Any]):
    """psycopg's asynchronous connection, on Trio. Statements commit by themselves outside of a transaction."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        # psycopg takes any lock with ``async with``. A stream of rows that its reader has left is closed by another task.
        self.lock = trio.Semaphore(1, max_value=1)  # type: ignore[assignment]

    async def wait(self, gen: Any, interval: float = 0.0, timeout: float | None = None) -> Any:
        """Run one of psycopg's generators to its end."""
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            if timeout is None:
                return await _driven(gen, self.pgconn.socket)
            with trio.move_on_after(timeout):
                return await _driven(gen, self.pgconn.socket)
        except BaseException:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                await self._end_statement(gen)
            raise
        raise psycopg.errors._WaitTimeout  # psycopg expects it, and asks again

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Have the server cancel the statement that runs, if one does."""
        if not self._should_cancel():
            return
        with trio.move_on_after(timeout or math.inf) as patience:
            await _connected(self._cancel_gen())
        if patience.cancelled_caught:
            raise psycopg.errors.CancellationTimeout("cancellation timeout expired")

    async def _end_statement(self, gen: Generator[int, int | None, object]) -> None:
        """Have the server cancel the statement, and wait for its end; or close the connection."""
        with trio.move_on_after(_CANCELLING, shield=True), suppress(psycopg.Error, OSError):
            await _connected(self._cancel_gen())
            await _driven(gen, self.pgconn.socket, _NOTHING)
        if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
            self.pgconn.finish()

    @property
    def has_news(self) -> bool:
        """Whether the server has sent something, or its end, that was not asked for."""
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))

    @property
    def is_locked(self) -> bool:
        """Whether somebody is in the middle of something."""
        return bool(self.lock.value == 0)  # type: ignore[attr-defined]

    @property
    def is_usable(self) -> bool:
        return self.pgconn.status == ConnStatus.OK


async def _driven(gen: Generator[int, int | None, T], fd: int, first: int | None = None) -> T:
    """What a generator returns that yields what it waits for on ``fd``. One that has begun and waits is told ``first``."""
    try:
        wanted = gen.send(first)
        while True:
            wanted = gen.send(await _ready(fd, wanted))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def _connected(gen: Generator[tuple[int, int], int, T]) -> T:
    """The same for one that opens connections, and says each time on which descriptor it waits."""
    await trio.lowlevel.checkpoint_if_cancelled()
    try:
        fd, wanted = next(gen)
        while True:
            fd, wanted = gen.send(await _ready(fd, wanted))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def _ready(fd: int, wanted: int) -> int:
    """Wait until the descriptor is ready for one of what is wanted; which."""
    if wanted == _READ:
        await trio.lowlevel.wait_readable(fd)
        return _READ
    if wanted == _WRITE:
        await trio.lowlevel.wait_writable(fd)
        return _WRITE
    found = 0

    async def wait(one: int) -> None:
        nonlocal found
        found |= await _ready(fd, one)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, _READ)
        nursery.start_soon(wait, _WRITE)
    return found


async def _opened(parts: ConnDict) -> PostgresConnection:
    connection: Any = await _connected(PostgresConnection._connect_gen(make_conninfo("", **parts)))
    connection._autocommit = True
    return connection  # type: ignore[no-any-return]


def _line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())


class Postgres:
    """A server as the `Database` of a pool. ``conninfo`` is libpq's, or a URL: ``postgresql://user@host/name``. Of several
    hosts (``postgresql://one,two/name?target_session_attrs=read-write``) the first that takes the connection serves it.

    Raises:
        WrongAddress: it is neither.
    """

    def __init__(self, conninfo: str) -> None:
        self._parts = conninfo_to_dict(conninfo)
        self._lookups = trio.CapacityLimiter(_LOOKUPS)

    async def open(self) -> PostgresConnection:
        """Raises OSError when no server can be reached, or each refuses; its text is about the last one."""
        failed = ""
        with trio.move_on_after(_CONNECTING) as whole:
            try:  # in a thread: libpq would look names up in the loop
                attempts = await trio.to_thread.run_sync(
                    partial(conninfo_attempts, self._parts), abandon_on_cancel=True, limiter=self._lookups
                )
            except psycopg.Error as error:
                raise OSError(_line(error)) from None
            for left in range(len(attempts), 0, -1):
                each = (whole.deadline - trio.current_time()) / left  # a host that is silent leaves time for the others
                with trio.move_on_after(each) as attempt:
                    try:
                        return await _opened(attempts[-left])
                    except psycopg.Error as error:
                        failed = _line(error)
                if attempt.cancelled_caught:
                    failed = ""
        raise OSError(failed or f"the database did not answer within {_CONNECTING:g} s")

    async def is_alive(self, connection: PostgresConnection, *, unused: float) -> bool:
        """A server that ends or dies closes its connections, which is seen at once. A host that is gone tells nothing."""
        if unused < _UNUSED:
            return not connection.has_news
        with trio.move_on_after(_CHECKING), suppress(psycopg.Error):
            await connection.execute("SELECT 1")
            return True
        return False

    async def make_clean(self, connection: PostgresConnection) -> bool:
        """A caller that is cancelled leaves blocks of psycopg's, as `transaction`, without what they do at their end. One that
        leaves a loop over a stream of rows early leaves the connection locked."""
        if connection.is_locked or connection.pgconn.pipeline_status != PipelineStatus.OFF:
            return False
        connection._num_transactions = 0
        connection._autocommit = True  # else the next caller's statements would be rolled back
        if connection.is_usable and connection.pgconn.transaction_status != TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                await connection.rollback()
        return connection.is_usable and connection.pgconn.transaction_status == TransactionStatus.IDLE

    async def close(self, connection: PostgresConnection) -> None:
        connection.pgconn.finish()
        await trio.lowlevel.checkpoint()
