"""Integration: a pool of connections to a real SQLite file."""

from __future__ import annotations

import random
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event

import pytest
import trio

from trio_lab.admission.classes import Share
from trio_lab.admission.disciplines import Fifo
from trio_lab.database.sqlite import Locked, Sqlite, SqliteConnection
from trio_lab.errors import QueueFull, QueueTimeout
from trio_lab.pools.connections import ConnectionPool, open_connection_pool

Pool = ConnectionPool[SqliteConnection]
FOR_EVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE item (number INTEGER)")
    return path


@pytest.fixture
async def pool(file: Path) -> AsyncIterator[Pool]:
    async with open_connection_pool(Sqlite(file), size=4, max_queue=200) as opened:
        yield opened


async def test_a_connection_is_opened_when_it_is_needed_and_kept(pool: Pool) -> None:
    assert pool.opened == 0
    async with pool.connection() as first:
        assert await first.execute("SELECT ?", (7,)) == [(7,)]
        async with pool.connection():
            assert pool.opened == 2
    async with pool.connection() as again:
        assert again is first
    assert (pool.opened, pool.replaced) == (2, 0)


async def test_what_is_not_committed_is_rolled_back(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("BEGIN")
        await connection.execute("INSERT INTO item VALUES (1)")
    async with pool.connection() as connection:
        assert not connection.in_transaction
        assert await connection.execute("SELECT * FROM item") == []
        await connection.execute("INSERT INTO item VALUES (2)")
    async with pool.connection() as connection:
        assert await connection.execute("SELECT * FROM item") == [(2,)]


async def test_a_cancelled_statement_is_interrupted_and_its_connection_used_again(pool: Pool) -> None:
    async with pool.connection() as connection:
        with trio.move_on_after(0.02) as scope:
            await connection.execute(FOR_EVER)
        assert scope.cancelled_caught
        assert await connection.execute("SELECT 1") == [(1,)]
    assert pool.replaced == 0


async def test_a_caller_that_waits_for_a_lock_can_be_cancelled(pool: Pool) -> None:
    async with pool.connection() as holder, pool.connection() as waiter:
        await holder.execute("BEGIN IMMEDIATE")
        with trio.move_on_after(0.02) as scope:
            await waiter.execute("INSERT INTO item VALUES (1)")
        assert scope.cancelled_caught
        await holder.execute("COMMIT")
        await waiter.execute("INSERT INTO item VALUES (2)")
        assert await waiter.execute("SELECT * FROM item") == [(2,)]


async def test_a_lock_that_is_held_for_too_long(file: Path) -> None:
    async with open_connection_pool(Sqlite(file, lock_timeout=0.01)) as pool:
        async with pool.connection() as holder, pool.connection() as waiter:
            await holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(Locked, match=r"locked for 0\.01 s"):
                await waiter.execute("INSERT INTO item VALUES (1)")


async def test_the_pool_is_a_queue_with_bounds(file: Path) -> None:
    async with open_connection_pool(Sqlite(file), size=1, max_queue=1, queue_timeout=0.02) as pool:
        async with pool.connection(kind="slow"), trio.open_nursery() as nursery:
            nursery.start_soon(_refused, pool)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(QueueFull):
                async with pool.connection():
                    pass
        found = pool.statistics()
        assert (found.name, found.capacity, found.completions) == ("database", 1, 1)
        assert (found.rejected, found.timed_out) == (1, 1)
        assert pool.kinds() == ["", "slow"]


async def _refused(pool: Pool) -> None:
    with pytest.raises(QueueTimeout):
        async with pool.connection():
            pass


async def test_of_many_callers_half_are_cancelled_and_no_connection_is_lost_or_shared(pool: Pool) -> None:
    """A hundred callers on four connections, cancelled at random moments: while they wait, in a statement, in between."""
    dice, using, ended = random.Random(7), set(), 0

    async def call(patience: float) -> None:
        nonlocal ended
        with trio.move_on_after(patience):
            async with pool.connection() as connection:
                assert connection not in using
                using.add(connection)
                try:
                    await connection.execute("BEGIN")
                    await connection.execute("SELECT count(*) FROM item")
                    await trio.sleep(0.001)
                finally:
                    using.remove(connection)
            ended += 1

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(call, dice.uniform(0.0, 0.03) if number % 2 else 60.0)
    assert ended >= 50
    assert pool.opened <= 4
    assert (pool.busy, pool.waiting) == (0, 0)
    async with pool.connection() as connection:
        assert await connection.execute("SELECT 1") == [(1,)]


class Breaking(Sqlite):
    """Connections that break while they are used."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.clean = True
        self.closed = 0

    async def make_clean(self, connection: SqliteConnection) -> bool:
        await super().make_clean(connection)
        if not self.clean:
            raise ConnectionError("it broke")
        return True

    async def close(self, connection: SqliteConnection) -> None:
        self.closed += 1
        await super().close(connection)


async def test_a_connection_that_broke_is_replaced(file: Path) -> None:
    database = Breaking(file)
    async with open_connection_pool(database, size=1) as pool:
        database.clean = False
        async with pool.connection() as first:
            pass
        assert (pool.opened, pool.replaced, database.closed) == (0, 1, 1)
        database.clean = True
        async with pool.connection() as second:
            assert second is not first
        assert pool.opened == 1
    assert database.closed == 2


async def test_a_database_that_cannot_be_reached_costs_no_place(tmp_path: Path) -> None:
    async with open_connection_pool(Sqlite(tmp_path / "no" / "folder" / "file"), size=1) as pool:
        for _ in range(3):
            with pytest.raises(OSError, match="unable to open database file"):
                async with pool.connection():
                    pass
        assert (pool.opened, pool.busy) == (0, 0)
    with pytest.raises(trio.ClosedResourceError):
        async with pool.connection():
            pass


async def test_a_caller_that_is_cancelled_before_its_statement_has_begun(pool: Pool) -> None:
    async with pool.connection() as connection:
        async with connection._limiter:
            with trio.move_on_after(0.01) as scope:
                await connection.execute("INSERT INTO item VALUES (1)")
            assert scope.cancelled_caught
        assert await connection.execute("SELECT * FROM item") == []


def test_ctrl_c_interrupts_a_statement(file: Path) -> None:
    async def press() -> None:
        await trio.testing.wait_all_tasks_blocked(0.02)
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        async with open_connection_pool(Sqlite(file), size=1) as pool:
            async with pool.connection() as connection:
                trio.lowlevel.spawn_system_task(press)
                with pytest.raises(KeyboardInterrupt):
                    await connection.execute(FOR_EVER)
                assert await connection.execute("SELECT 1") == [(1,)]

    trio.run(main)


async def test_a_connection_that_cannot_be_prepared_is_closed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    async def close(self: SqliteConnection) -> None:
        closed.append(self)

    monkeypatch.setattr(SqliteConnection, "close", close)
    async with open_connection_pool(Sqlite(file, prepare=["nonsense"])) as pool:
        with pytest.raises(OSError, match="syntax error"):
            async with pool.connection():
                pass
        assert (pool.opened, len(closed)) == (0, 1)


async def test_a_statement_that_no_interrupt_ends_costs_its_caller_a_bounded_wait_and_the_pool_one_connection(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_lab.database.sqlite._INTERRUPTING", 0.02)
    hangs, goes_on = Event(), Event()

    def hang(_: object) -> int:
        hangs.set()
        goes_on.wait(10)
        return 1

    async with open_connection_pool(Sqlite(file, functions={"hang": hang}), size=1) as pool:
        async with pool.connection() as first, trio.open_nursery() as nursery:
            nursery.start_soon(first.execute, "SELECT hang(1)")
            await trio.to_thread.run_sync(hangs.wait)
            nursery.cancel_scope.cancel()
        assert first.is_given_up
        assert (pool.opened, pool.replaced, pool.busy) == (0, 1, 0)
        with pytest.raises(OSError, match="given up"):
            await first.execute("SELECT 1")
        async with pool.connection() as second:
            assert await second.execute("SELECT 1") == [(1,)]
        goes_on.set()
        async with first._limiter:  # the thread has ended
            with pytest.raises(sqlite3.ProgrammingError, match="closed"):
                first._connection.execute("SELECT 1")


async def test_a_connection_that_takes_long_to_close_does_not_keep_its_caller() -> None:
    goes_on = Event()

    class Slow(sqlite3.Connection):
        def close(self) -> None:
            goes_on.wait(1)
            super().close()

    limiter = trio.CapacityLimiter(1)
    found = SqliteConnection(Slow(":memory:", check_same_thread=False), limiter=limiter, lock_timeout=1.0)
    with trio.move_on_after(0.01) as scope:
        await found.close()
    assert scope.cancelled_caught
    goes_on.set()
    async with limiter:  # the thread has ended
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            found._connection.execute("SELECT 1")


async def test_slow_queries_hold_no_more_connections_than_they_may(file: Path) -> None:
    shares = {"fast": Share(share=1), "slow": Share(share=1, most=0.5)}
    entered: list[str] = []

    async with open_connection_pool(Sqlite(file), size=2, max_queue=1, shares=shares) as pool:

        async def call(kind: str) -> None:
            async with pool.connection(kind=kind):
                entered.append(kind)
                await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, "slow")
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.start_soon(call, "slow")
            await trio.testing.wait_all_tasks_blocked()
            assert (entered, pool.waiting, pool.has_room) == (["slow"], 1, False)
            with pytest.raises(QueueFull):
                async with pool.connection(kind="slow"):
                    pass
            async with pool.connection(kind="fast"):
                assert pool.busy == 2
            with pytest.raises(ValueError, match="no class ''; its classes are fast, slow"):
                async with pool.connection():
                    pass
            nursery.cancel_scope.cancel()
        assert (pool.busy, pool.waiting) == (0, 0)


async def test_with_shares_a_discipline_is_a_name(file: Path) -> None:
    with pytest.raises(ValueError, match="must be a name"):
        async with open_connection_pool(Sqlite(file), shares={"": Share(share=1)}, discipline=Fifo()):
            pass
