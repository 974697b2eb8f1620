"""The database of a lab, behind `/db`: a pool of connections, or one for each class of query.

Without ``--database`` it is an SQLite file of the server's own, which is gone when it ends. A query does nothing but take its
time: it is there to be waited for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from ...blocks import block
from ...config import Config
from ...database.sqlite import Sqlite, SqliteConnection
from ...http.lab import bounds
from ...measure.ledger import RUN, booked
from ...measure.queues import Queues
from ...pools.connections import ConnectionPool, open_connection_pool
from ...work import wait

_TICK = 0.004  # seconds: an interrupt is seen between two of them
_QUERY = """
WITH RECURSIVE tick (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM tick WHERE n < ?) SELECT count(pause(?)) FROM tick
"""

FAST, SLOW = "fast", "slow"


class LabDatabase:
    """Its pools are registered with the lab's other queues at the first query."""

    def __init__(self, queues: Queues, *pools: ConnectionPool[SqliteConnection]) -> None:
        self._queues = queues
        self._pools = pools
        self._registered = False

    async def query(self, seconds: float, kind: str) -> None:
        """A query that takes so long. Raises what `ConnectionPool.connection` raises."""
        if not self._registered:
            self._registered = True
            for pool in self._pools:
                self._queues.register(pool)
        ticks = max(1, round(seconds / _TICK))
        async with self._pools[-1 if kind == SLOW else 0].connection(kind=kind) as connection:
            with booked(RUN):
                await connection.execute(_QUERY, (ticks, seconds / ticks))


@block
async def open_database(config: Config, queues: Queues) -> AsyncIterator[LabDatabase]:
    """The database for the length of the block."""
    max_queue, queue_timeout, _, discipline = bounds(config)
    names = ("database.fast", "database.slow") if config.separate_pools else ("database",)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="trio-lab-database-"))
        database = Sqlite(Path(folder, "data.sqlite"), functions={"pause": wait})
        open_pool = partial(
            open_connection_pool,
            database,
            size=config.connections,
            max_queue=max_queue,
            queue_timeout=queue_timeout,
            discipline=discipline,
        )
        yield LabDatabase(queues, *[await stack.enter_async_context(open_pool(name=name)) for name in names])
