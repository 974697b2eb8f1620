"""How long a query goes on once its caller is cancelled: until the caller is out, which is when the statement has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from ..database.sqlite import Sqlite
from ..measure.percentile import percentile
from ..pools.connections import open_connection_pool

_RUNS = 0.02  # seconds for which a query runs before it is cancelled
_FOR_EVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


async def lateness(query: Callable[[], Awaitable[object]], times: int) -> float:
    """Seconds from the cancellation of a query that never ends until its caller is out: nine in ten are no later.

    Raises:
        RuntimeError: the query has ended by itself.
    """
    late = []
    for _ in range(times):
        with trio.move_on_after(_RUNS) as scope:
            await query()
        if not scope.cancelled_caught:
            raise RuntimeError("a query that should never end has ended")
        late.append(trio.current_time() - scope.deadline)
    return percentile(late, 0.9)


async def sqlite_lateness(times: int) -> tuple[float, float]:
    """On SQLite: of a query that runs, and of one that waits for a lock which another connection holds."""
    with TemporaryDirectory(prefix="trio-lab-drill-") as folder:
        async with open_connection_pool(Sqlite(Path(folder, "data.sqlite")), size=2) as pool:
            async with pool.connection() as holder, pool.connection() as connection:
                await holder.execute("BEGIN IMMEDIATE")
                running = await lateness(lambda: connection.execute(_FOR_EVER), times)
                return running, await lateness(lambda: connection.execute("BEGIN IMMEDIATE"), times)
