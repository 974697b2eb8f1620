"""End to end: `/db` on an SQLite file of the server's own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.running import Running, running


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


@pytest.mark.parametrize("url", ["mysql://x", "postgresql://x?nonsense=1"])
def test_a_database_that_cannot_be_there_ends_the_server_at_its_start(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trio_lab", "serve", "--port", "0", "--database", url],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "database" in done.stderr.splitlines()[-1]
