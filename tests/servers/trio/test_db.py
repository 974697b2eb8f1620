"""End to end: `/db` on an SQLite file of the server's own."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.running import Running, running
from tests.waiting import until
from trio_lab.config import Config
from trio_lab.database.sqlite import Sqlite
from trio_lab.errors import QueueTimeout, UsageError
from trio_lab.measure.queues import Queues
from trio_lab.servers.trio.database import _pause_sqlite, open_database
from trio_lab.work import wait

POSTGRES = "trio_lab.database.postgres"


def test_its_pool_is_a_queue_from_the_first_query_on(server: Running) -> None:
    found = server.get("/db?ms=1")
    assert (found["route"], found["class"]) == ("/db", "fast")
    queue = server.queues()["database"]
    assert (queue["capacity"], queue["completions"]) == (4, 1)
    assert [kind["name"] for kind in queue["kinds"]] == ["database.fast"]


def test_slow_queries_have_connections_of_their_own() -> None:
    with running("--separate-pools", "--connections", "2") as server:
        server.get("/db?ms=1&class=slow")
        queues = server.queues()
    assert (queues["database.slow"]["capacity"], queues["database.slow"]["completions"]) == (2, 1)
    assert queues["database.fast"]["completions"] == 0


def test_slow_queries_hold_few_of_the_connections() -> None:
    with (
        running("--connections", "3", "--slow-connections", "1", "--grace", "0.1") as server,
        ThreadPoolExecutor() as callers,
    ):
        slow = [callers.submit(server.get, "/db?ms=10000&class=slow") for _ in range(3)]
        until(lambda: server.queues().get("database", {}).get("waiting") == 2)
        assert server.queues()["database"]["in_service"] == 1
        server.get("/db?ms=1")
        assert not any(one.done() for one in slow)


def test_queries_that_write_do_so_one_after_the_other(server: Running) -> None:
    with ThreadPoolExecutor() as callers:
        list(callers.map(server.get, ["/db?ms=20&access=write"] * 4))
    (kind,) = server.queues()["database"]["kinds"]
    assert kind["service_ms"]["max"] >= 3 * 20


async def test_a_query_that_did_not_get_the_lock_is_refused(tmp_path: Path) -> None:
    database = Sqlite(tmp_path / "data.sqlite", lock_timeout=0.01, functions={"pause": wait})
    first, second = await database.open(), await database.open()
    await first.execute("BEGIN IMMEDIATE")
    with pytest.raises(QueueTimeout, match="database_lock had no place in time"):
        await _pause_sqlite(second, 0.0, True)
    await first.close()
    await second.close()


async def test_psycopg_is_not_imported_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    importers: list[threading.Thread] = []

    class Lacks:
        """Where psycopg is not installed."""

        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == POSTGRES:
                importers.append(threading.current_thread())
                raise ImportError

    monkeypatch.delitem(sys.modules, POSTGRES, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Lacks, *sys.meta_path])
    with pytest.raises(UsageError, match=r"pip install 'trio-lab\[postgres\]'"):
        async with open_database(Config(database="postgresql://nowhere"), Queues()):
            pass
    assert importers
    assert threading.current_thread() not in importers


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@x",
        "postgresql://me:secret@x?nonsense=1",
        "postgresql://me:secret@[x",
        "postgresql://me:secret%@x",
    ],
)
async def test_an_address_that_is_refused_is_told_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        async with open_database(Config(database=url), Queues()):
            pass
    assert "secret" not in str(refused.value)
    assert f"'{url.partition('secret')[0]}…@" in str(refused.value)


@pytest.mark.parametrize(
    "words",
    [
        ["--database", "mysql://x"],
        ["--database", "postgresql://x?nonsense=1"],
        ["--slow-connections", "1", "--discipline", "fair"],
    ],
    ids=" ".join,
)
def test_a_database_that_cannot_be_there_ends_the_server_at_its_start(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trio_lab", "serve", "--port", "0", *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert words[0].removeprefix("--") in done.stderr.splitlines()[-1]
