"""Integration: a pool of connections to a real PostgreSQL server."""

from __future__ import annotations

import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.running import running
from tests.waiting import wait_until
from trio_lab.pools.connections import ConnectionPool, open_connection_pool
from trio_lab.stage.postgres import PostgresServer, postgres, programs

psycopg = pytest.importorskip("psycopg", reason="the extra postgres is not installed")
PROGRAMS = programs()
if PROGRAMS is None:
    pytest.skip("PostgreSQL is not installed", allow_module_level=True)

from trio_lab.database.postgres import Postgres, PostgresConnection  # noqa: E402  (needs psycopg)

Pool = ConnectionPool[PostgresConnection]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    assert PROGRAMS is not None
    with postgres(PROGRAMS) as running:
        yield running


@pytest.fixture
async def pool(server: PostgresServer) -> AsyncIterator[Pool]:
    async with open_connection_pool(Postgres(server.conninfo), size=4, max_queue=200) as opened:
        yield opened


async def value(connection: PostgresConnection, statement: str) -> object:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return row[0]


async def backend(connection: PostgresConnection) -> object:
    return await value(connection, "SELECT pg_backend_pid()")


async def test_a_statement_and_its_rows(pool: Pool) -> None:
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT n, n * n FROM generate_series(1, %s) AS n", (3,))
        assert await cursor.fetchall() == [(1, 1), (2, 4), (3, 9)]
        with pytest.raises(psycopg.errors.UndefinedTable):
            await connection.execute("SELECT * FROM nowhere")
        assert await value(connection, "SELECT 7") == 7


async def test_a_large_statement_and_a_large_answer(pool: Pool) -> None:
    """More than the socket's buffers hold, both ways."""
    text = "x" * 5_000_000
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT %s", (text,))).fetchone()
    assert row == (text,)


async def test_what_is_not_committed_is_rolled_back(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS item (number int)")
        first = await backend(connection)
        await connection.execute("BEGIN")
        await connection.execute("INSERT INTO item VALUES (1)")
    async with pool.connection() as connection:
        assert await backend(connection) == first
        assert await value(connection, "SELECT count(*) FROM item") == 0


async def test_statements_commit_by_themselves_whatever_the_last_caller_wanted(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.set_autocommit(False)
        await connection.execute("CREATE TEMPORARY TABLE mine (number int)")
    async with pool.connection() as connection:
        await connection.execute("CREATE TEMPORARY TABLE yours (number int)")
    async with pool.connection() as connection:
        assert await value(connection, "SELECT to_regclass('mine')") is None
        assert await value(connection, "SELECT to_regclass('yours')::text") == "yours"


async def test_a_cancelled_statement_is_ended_by_the_server_and_its_connection_used_again(pool: Pool) -> None:
    async with pool.connection() as connection:
        first = await backend(connection)
        for _ in range(5):
            with trio.move_on_after(0.01) as scope:
                await connection.execute("SELECT pg_sleep(60)")
            assert scope.cancelled_caught
        assert await backend(connection) == first
    assert pool.replaced == 0


@pytest.mark.parametrize("block", ["transaction", "pipeline"])
async def test_a_caller_that_is_cancelled_in_a_block_of_psycopgs_leaves_nothing_of_it(pool: Pool, block: str) -> None:
    """A transaction is rolled back, and its connection used again. One that is left in a pipeline is replaced."""
    async with pool.connection() as connection:
        first = await backend(connection)
        with trio.CancelScope() as scope:
            async with getattr(connection, block)():
                await connection.execute("CREATE TEMPORARY TABLE mine (number int)")
                scope.cancel()
                await trio.lowlevel.checkpoint()
    async with pool.connection() as connection:
        assert (await backend(connection) == first) is (block == "transaction")
        assert await value(connection, "SELECT to_regclass('mine')") is None
        async with connection.transaction():
            await connection.execute("SELECT 1")
    assert pool.replaced == (block == "pipeline")


@pytest.mark.filterwarnings("ignore:Exception ignored in. <async_generator object AsyncCursor.stream")
async def test_a_caller_that_leaves_a_stream_of_rows_early_gets_its_own_exception(pool: Pool) -> None:
    """psycopg keeps the connection locked until the stream is closed, which Trio does later."""

    async def read() -> None:
        async with pool.connection() as connection, connection.cursor() as cursor:
            async for (number,) in cursor.stream("SELECT generate_series(1, 1000000)"):
                number / 0

    with pytest.raises(ZeroDivisionError):
        await read()
    assert pool.replaced == 1
    async with pool.connection() as connection:
        assert await value(connection, "SELECT 7") == 7


async def test_notifications_are_waited_for_as_long_as_the_caller_says(pool: Pool) -> None:
    async with pool.connection() as connection, pool.connection() as other:
        await connection.execute("LISTEN news")
        assert [news async for news in connection.notifies(timeout=0.01)] == []
        await other.execute("NOTIFY news, 'x'")
        assert [news.payload async for news in connection.notifies(timeout=60, stop_after=1)] == ["x"]
        assert await value(connection, "SELECT 7") == 7


async def test_the_statement_of_another_task_can_be_cancelled(pool: Pool) -> None:
    async with pool.connection() as connection, trio.open_nursery() as nursery:
        await connection.cancel_safe()  # there is none

        async def cancel() -> None:
            await wait_all_tasks_blocked(0.01)
            await connection.cancel_safe()

        nursery.start_soon(cancel)
        with pytest.raises(psycopg.errors.QueryCanceled):
            await connection.execute("SELECT pg_sleep(60)")


@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_caller_that_is_cancelled_while_its_statement_is_sent(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    """The server reads nothing for a while, or no more. Then the connection is closed."""
    monkeypatch.setattr("trio_lab.database.postgres._CANCELLING", 60.0 if goes_on else 0.05)
    async with pool.connection() as connection, trio.open_nursery() as nursery:
        server = int(str(await backend(connection)))
        os.kill(server, signal.SIGSTOP)
        try:
            with trio.CancelScope() as scope:
                nursery.start_soon(cancel_and_go_on, scope, server if goes_on else None)
                await connection.execute("SELECT %s", ("x" * 5_000_000,))
        finally:
            os.kill(server, signal.SIGCONT)
        assert scope.cancelled_caught
        assert connection.is_usable is goes_on
        if goes_on:
            assert await backend(connection) == server


async def cancel_and_go_on(scope: trio.CancelScope, server: int | None) -> None:
    await wait_all_tasks_blocked(0.01)
    scope.cancel()
    await wait_all_tasks_blocked(0.01)
    if server is not None:
        os.kill(server, signal.SIGCONT)


async def test_of_many_callers_half_are_cancelled_and_no_connection_is_lost_or_shared(pool: Pool) -> None:
    dice, right, backends = random.Random(7), 0, set()

    async def call(number: int, patience: float) -> None:
        nonlocal right
        with trio.move_on_after(patience):
            async with pool.connection() as connection:
                backends.add(await backend(connection))
                await connection.execute("SELECT pg_sleep(0.002)")
                assert await value(connection, f"SELECT {number}") == number
                right += 1

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(call, number, dice.uniform(0.0, 0.05) if number % 2 else 60.0)
    assert right >= 50
    assert (pool.busy, pool.waiting) == (0, 0)
    assert len(backends) == pool.opened <= 4


async def test_a_server_that_was_killed_and_is_back(pool: Pool, server: PostgresServer) -> None:
    async def fill() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(pool.size):
                nursery.start_soon(use)

    async def use() -> None:
        async with pool.connection() as connection:
            await connection.execute("SELECT pg_sleep(0.01)")

    await fill()
    server.kill()
    with pytest.raises(OSError):  # noqa: PT011  (as libpq says it)
        async with pool.connection():
            pass
    assert (pool.opened, pool.busy) == (0, 0)
    server.start()
    await fill()
    server.kill()
    server.start()  # before anybody saw that it was away
    async with pool.connection() as connection:
        assert await value(connection, "SELECT 1") == 1


async def test_a_statement_that_runs_when_the_server_is_killed(pool: Pool, server: PostgresServer) -> None:
    async def sleep() -> None:
        with pytest.raises(psycopg.OperationalError):
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(60)")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep)
        await wait_until(lambda: pool.opened)
        await wait_all_tasks_blocked()
        server.kill()
    server.start()
    assert (pool.opened, pool.replaced) == (0, 1)


async def test_a_server_that_is_not_there() -> None:
    async with open_connection_pool(Postgres("host=/no/such/folder user=lab")) as pool:
        with pytest.raises(OSError, match="No such file or directory"):
            async with pool.connection():
                pass


async def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that is stopped: the kernel takes the connection, and nobody speaks."""
    monkeypatch.setattr("trio_lab.database.postgres._CONNECTING", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with open_connection_pool(Postgres(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x")) as pool:
            with pytest.raises(OSError, match=r"did not answer within 0\.05 s"):
                async with pool.connection():
                    pass
            assert (pool.opened, pool.busy) == (0, 0)


async def test_of_several_hosts_the_first_that_answers(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is not there, one takes the connection and says nothing, the third is the server."""
    monkeypatch.setattr("trio_lab.database.postgres._CONNECTING", 3.0)
    folder = server.conninfo.split()[0].removeprefix("host=")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = f"5432,{silent.getsockname()[1]},5432"
        conninfo = f"host=/no/such/folder,localhost,{folder} port={ports} dbname=postgres user=lab"
        async with open_connection_pool(Postgres(conninfo)) as pool, pool.connection() as connection:
            assert await value(connection, "SELECT 1") == 1


async def test_of_several_hosts_none_is_known() -> None:
    async with open_connection_pool(Postgres("postgresql://no.such.host.invalid,neither.invalid/x")) as pool:
        with pytest.raises(OSError, match=r"failed to resolve host 'neither\.invalid'"):
            async with pool.connection():
                pass


async def test_names_that_are_looked_up_for_ever_take_no_threads_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trio_lab.database.postgres._CONNECTING", 0.005)
    answered = Event()
    monkeypatch.setattr("trio_lab.database.postgres.conninfo_attempts", lambda _: answered.wait(10))
    database = Postgres("postgresql://a.name/x")
    try:
        for _ in range(10):
            with pytest.raises(OSError, match="did not answer"):
                await database.open()
        assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
    finally:
        answered.set()


async def test_an_address_that_is_none() -> None:
    with pytest.raises(psycopg.ProgrammingError):
        Postgres("nonsense")


async def test_the_labs_server_on_postgres(server: PostgresServer) -> None:
    with running("--database", server.url, "--separate-pools") as lab:
        assert lab.get("/db?ms=1")["class"] == "fast"
        assert lab.get("/db?ms=1&class=slow&access=write")["class"] == "slow"
        queues = lab.queues()
    assert queues["database.fast"]["completions"] == queues["database.slow"]["completions"] == 1


def test_the_labs_server_while_its_database_dies_and_is_back(server: PostgresServer) -> None:
    with running("--database", server.url) as lab, ThreadPoolExecutor(1) as client:
        lab.get("/db?ms=1")  # opens the connection that the next query uses
        asked = client.submit(lab.request, "/db?ms=10000")
        with psycopg.connect(server.conninfo, autocommit=True) as watching:
            runs = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep'"
            while not watching.execute(runs).fetchone():
                pass
        server.kill()
        status, _, body = asked.result()
        assert (status, "broke" in body["error"]) == (502, True)
        status, headers, body = lab.request("/db?ms=1")
        assert (status, body["queue"], int(headers["Retry-After"]) > 0) == (503, "database", True)
        server.start()
        assert lab.get("/db?ms=1")["class"] == "fast"
