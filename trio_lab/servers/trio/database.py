"""The database of a lab, behind `/db`: a pool of connections, or one for each class of query.

Without ``--database`` it is an SQLite file of the server's own, which is gone when it ends. A query does nothing but take its
time: it is there to be waited for. One that writes holds a lock meanwhile that only one query can hold, as a change of one row
does, and in SQLite any change.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import trio

from ...admission.classes import Share
from ...blocks import block
from ...config import Config
from ...database.sqlite import Locked, Sqlite, SqliteConnection
from ...errors import QueueTimeout, Unreachable, UsageError
from ...http.lab import bounds
from ...measure.ledger import RUN, booked
from ...measure.queues import Queues
from ...pools.connections import ConnectionPool, Database, open_connection_pool
from ...work import wait
from ..own_folder import own_folder

_TICK = 0.004  # seconds: SQLite sees an interrupt between two of them
_QUERY = """
WITH RECURSIVE tick (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM tick WHERE n < ?) SELECT count(pause(?)) FROM tick
"""
_LOCK = 7_072  # of PostgreSQL's advisory locks; any number does
LOCK = "database_lock"
"""What SQLite's lock is called as a queue, where it refuses a query that writes."""

Pause = Callable[[Any, float, bool], Awaitable[object]]
"""A query on a connection that takes so many seconds, and may write."""

FAST, SLOW = "fast", "slow"
READ, WRITE = "read", "write"


class LabDatabase:
    """Its pools are registered with the lab's other queues at the first query.

    Raises:
        ValueError: another queue has the name of a pool.
    """

    def __init__(self, queues: Queues, pause: Pause, *pools: ConnectionPool[Any]) -> None:
        for pool in pools:
            queues.require_free(pool.statistics().name)
        self._queues = queues
        self._pause = pause
        self._pools = pools
        self._registered = False

    async def query(self, seconds: float, kind: str, *, writes: bool) -> None:
        """A query that takes so long. Raises what `ConnectionPool.connection` raises, but `Unreachable` in place of OSError;
        ConnectionError when the connection breaks under the query; and `QueueTimeout` when it writes, and in SQLite others
        held the lock for too long."""
        if not self._registered:
            self._registered = True
            for pool in self._pools:
                self._queues.register(pool)
        pool, begun = self._pools[-1 if kind == SLOW else 0], False
        try:
            async with pool.connection(kind=kind) as connection:
                begun = True
                with booked(RUN):
                    await self._pause(connection, seconds, writes)
        except OSError as error:
            if begun:
                raise
            raise Unreachable(pool.statistics().name, reason=str(error)) from None


class _OwnFile(Sqlite):
    """A file that is made when the first connection is opened, and is gone when the ``stack`` is closed."""

    def __init__(self, stack: AsyncExitStack) -> None:
        super().__init__("", functions={"pause": wait})
        self._stack = stack
        self._making = trio.Lock()

    async def open(self) -> SqliteConnection:
        async with self._making:
            if not self._path:
                folder = await trio.to_thread.run_sync(self._stack.enter_context, own_folder())
                self._path = folder / "data.sqlite"
        return await super().open()


async def _pause_sqlite(connection: SqliteConnection, seconds: float, writes: bool) -> None:
    ticks = max(1, round(seconds / _TICK))
    if writes:
        try:
            await connection.execute("BEGIN IMMEDIATE")
        except Locked:
            raise QueueTimeout(LOCK) from None
    await connection.execute(_QUERY, (ticks, seconds / ticks))
    if writes:
        await connection.execute("COMMIT")


async def _pause_postgres(connection: Any, seconds: float, writes: bool) -> None:
    from ...database.postgres import Broken

    try:
        if writes:
            await connection.execute("SELECT pg_advisory_xact_lock(%s), pg_sleep(%s)", (_LOCK, seconds))
        else:
            await connection.execute("SELECT pg_sleep(%s)", (seconds,))
    except Broken as error:
        if connection.is_usable:
            raise
        raise ConnectionError(f"the connection to the database broke: {' '.join(str(error).split())}") from None


def _postgres(url: str) -> Database[Any]:
    if not url.startswith(("postgresql://", "postgres://")):
        raise UsageError(f"database must be at postgresql://…, not at {_without_password(url, url)[:80]!r}")
    try:
        from ...database.postgres import Postgres, WrongAddress
    except ImportError:
        raise UsageError("--database needs more: pip install 'trio-lab[postgres]'") from None
    try:
        return Postgres(url)
    except WrongAddress as error:
        why = _without_password(" ".join(str(error).split()), url)
        raise UsageError(f"database {_without_password(url, url)[:80]!r}: {why}") from None


def _without_password(text: str, url: str) -> str:
    """libpq's errors quote what they do not understand."""
    _, _, password = url.rpartition("@")[0].partition("://")[2].partition(":")
    return text.replace(password, "…") if password else text


@block
async def open_database(config: Config, queues: Queues) -> AsyncIterator[LabDatabase]:
    """The database for the length of the block.

    Raises:
        UsageError: no database can be at its address.
    """
    max_queue, queue_timeout, _, discipline = bounds(config)
    few = config.slow_connections or config.connections
    sizes = {"database": config.connections}
    shares = None
    if config.separate_pools:
        sizes = {"database.fast": config.connections, "database.slow": few}
    elif config.slow_connections is not None:
        if discipline in ("fair", "priority"):
            raise UsageError(f"--slow-connections is not for the discipline {discipline}")
        shares = {FAST: Share(share=1), SLOW: Share(share=1, most=min(1.0, (few + 0.5) / config.connections))}
    async with AsyncExitStack() as stack:
        pause: Pause = _pause_postgres
        if config.database:
            # In a thread: the import of psycopg alone takes a third of a second.
            database = await trio.to_thread.run_sync(_postgres, config.database)
        else:
            database, pause = _OwnFile(stack), _pause_sqlite
        open_pool = partial(
            open_connection_pool,
            database,
            shares=shares,
            max_queue=max_queue,
            queue_timeout=queue_timeout,
            discipline=discipline,
        )
        pools = [await stack.enter_async_context(open_pool(name=name, size=size)) for name, size in sizes.items()]
        yield LabDatabase(queues, pause, *pools)
