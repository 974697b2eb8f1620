"""A pool of four database connections under a hundred callers of which half leave, and then without its server.

On a real PostgreSQL server. Callers leave at random moments: while they wait, in a statement, between two. Each asks for a
number that only it knows, so a connection that is shared, or still has the answer of somebody else, is seen. Then the server is
killed while callers come, and started again. In between queries are cancelled one after the other, also on SQLite, to see how
long they go on.

The control is a pool as it is often written: a channel of connections, which a caller puts back when it is done. A caller that
is cancelled takes its connection with it, and soon there is none.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import trio

from ...errors import Overloaded
from ...pools.connections import open_connection_pool
from ...records.figures import Figures, check
from ...stage.postgres import PostgresServer, postgres, programs
from ...stage.stage import Stage
from ...stage.until import until
from ..aftermath import remembered
from ..cancelled import lateness, sqlite_lateness
from ..model import Drill

_SIZE = 4
_CALLERS = 100
_TIMEOUT = 5.0  # seconds that a caller may wait for a connection
_LATE = 1.0  # seconds past its timeout: then it hangs
_STATEMENT = 0.002  # seconds
_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


class Pool(Protocol):
    def connection(self) -> AbstractAsyncContextManager[Any]: ...


class Channel:
    """The control."""

    def __init__(self, connections: list[Any]) -> None:
        self._send, self._receive = trio.open_memory_channel[Any](len(connections))
        for connection in connections:
            self._send.send_nowait(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        with trio.fail_after(_TIMEOUT):
            connection = await self._receive.receive()
        yield connection
        await self._send.send(connection)


@dataclass(slots=True)
class Calls:
    """What callers saw. Those that left are not counted."""

    served: int = 0
    refused: int = 0
    wrong: int = 0
    failed: int = 0
    slowest: float = 0.0

    async def call(self, pool: Pool, number: int, patience: float) -> None:
        began = time.monotonic()
        with trio.move_on_after(patience):
            try:
                async with pool.connection() as connection:
                    await connection.execute("SELECT pg_sleep(%s)", (_STATEMENT,))
                    row = await (await connection.execute("SELECT %s::int", (number,))).fetchone()
                self.served += 1
                self.wrong += row != (number,)
            except (Overloaded, trio.TooSlowError):
                self.refused += 1
            except Exception:  # the figures count it
                self.failed += 1
            self.slowest = max(self.slowest, time.monotonic() - began)


async def _crowd(pool: Pool, calls: Calls, dice: random.Random) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(_CALLERS):
            patience = dice.uniform(0.0, 0.08) if number % 2 else 60.0
            nursery.start_soon(calls.call, pool, number, patience)


async def _usable(pool: Pool) -> int:
    """How many connections can be had at once."""
    found, go = 0, trio.Event()

    async def hold() -> None:
        nonlocal found
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")
            found += 1
            await go.wait()

    async with trio.open_nursery() as nursery:
        for _ in range(_SIZE):
            nursery.start_soon(hold)
        await until(lambda: found == _SIZE, limit=2.0)
        go.set()
        nursery.cancel_scope.cancel()
    return found


async def _backends(server: PostgresServer) -> int:
    """How many connections the server has, without the one that asks."""
    from ...database.postgres import Postgres

    database = Postgres(server.conninfo)
    connection = await database.open()
    row = await (await connection.execute(_OTHERS)).fetchone()
    await database.close(connection)
    assert row is not None
    return int(row[0])


async def _cancelled(pool: Pool, times: int) -> Figures:
    """How long cancelled queries went on, in milliseconds."""
    async with pool.connection() as connection:
        postgres_s = await lateness(lambda: connection.execute("SELECT pg_sleep(60)"), times)
    running, locked = await sqlite_lateness(times)
    return {
        "postgres_cancelled_ms": postgres_s * 1e3,
        "sqlite_cancelled_ms": running * 1e3,
        "sqlite_locked_ms": locked * 1e3,
    }


async def _outage(pool: Pool, server: PostgresServer, calls: Calls) -> float:
    """Kill the server while callers come, and start it again; seconds until a caller is served after that."""
    async with trio.open_nursery() as nursery:
        for number in range(_CALLERS):
            nursery.start_soon(calls.call, pool, number, 60.0)
        await trio.sleep(0.02)
        await trio.to_thread.run_sync(server.kill)
    await trio.to_thread.run_sync(server.start)
    began, again = time.monotonic(), Calls()
    while not again.served and time.monotonic() < began + 10.0:
        await again.call(pool, 1, 60.0)
    return time.monotonic() - began


def _server() -> Any:
    where = programs()
    if where is None:
        raise RuntimeError("PostgreSQL is not installed")
    return postgres(where)


async def _inject(stage: Stage) -> Figures:
    from ...database.postgres import Postgres

    figures: dict[str, float | None] = {}
    calls, broken, dice = Calls(), Calls(), random.Random(7)
    async with remembered(figures):
        with _server() as server:
            async with open_connection_pool(
                Postgres(server.conninfo), size=_SIZE, max_queue=None, queue_timeout=_TIMEOUT
            ) as pool:
                for _ in range(stage.count(20, quick=3)):
                    await _crowd(pool, calls, dice)
                usable, replaced, backends = await _usable(pool), pool.replaced, await _backends(server)
                cancelled = await _cancelled(pool, stage.count(100, quick=20))
                recovered = await _outage(pool, server, broken)
    return {
        "served": calls.served,
        "wrong": calls.wrong,
        "failed": calls.failed,
        "lost": _SIZE - usable,
        "replaced": replaced,
        "beyond": max(0, backends - _SIZE),
        **cancelled,
        "recovered_s": recovered,
        "longest_call_s": max(calls.slowest, broken.slowest),
        **figures,
    }


async def _control(stage: Stage) -> Figures:
    from ...database.postgres import Postgres

    calls, dice = Calls(), random.Random(7)
    with _server() as server:
        database = Postgres(server.conninfo)
        pool = Channel([await database.open() for _ in range(_SIZE)])
        for _ in range(5):
            await _crowd(pool, calls, dice)
            if (usable := await _usable(pool)) < _SIZE:
                break
    return {
        "served": calls.served,
        "wrong": calls.wrong,
        "failed": calls.failed + calls.refused,
        "lost": _SIZE - usable,
        "longest_call_s": calls.slowest,
    }


DRILL = Drill(
    name="pool-drained",
    number=30,
    gate=False,
    question="A hundred callers at four database connections, half of them leave, and the server dies: is a connection lost?",
    figures=(
        *("served", "wrong", "failed", "lost", "replaced", "beyond"),
        *("postgres_cancelled_ms", "sqlite_cancelled_ms", "sqlite_locked_ms"),
        *("recovered_s", "longest_call_s"),
    ),
    checks=(
        check("connections that were lost", "lost", "<=", 0),
        check("answers of somebody else", "wrong", "<=", 0),
        check("callers that stayed and were not served", "failed", "<=", 0),
        check("connections that could not be used again", "replaced", "<=", 0),
        check("connections at the server beyond the pool's size", "beyond", "<=", 0),
        check("a cancelled query goes on, PostgreSQL, p90", "postgres_cancelled_ms", "<=", 20, "ms"),
        check("a cancelled query goes on, SQLite, p90", "sqlite_cancelled_ms", "<=", 5, "ms"),
        check("the same while it waits for a lock", "sqlite_locked_ms", "<=", 5, "ms"),
        check("served again, after the server was back", "recovered_s", "<=", 2.0, "s"),
        check("longest call, outage included", "longest_call_s", "<=", _TIMEOUT + _LATE, "s"),
    ),
    inject=_inject,
    control=_control,
    twin="a channel of connections",
)
