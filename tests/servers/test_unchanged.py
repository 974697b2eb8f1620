"""End to end: importing and running a lab server changes no class, function or constant of a dependency."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_PATCHING = """
from tests.servers.unchanged import compare

def patch() -> None:
    import h11
    import hypercorn.trio.run
    import hypercorn.trio.tcp_server
    hypercorn.trio.tcp_server.TCPServer.run = lambda self: None
    hypercorn.trio.run.TCPServer = object
    h11.Connection.added = 1

compare(patch)
"""


def lines(*arguments: str) -> list[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_dependencies_are_what_they_were_before_serving(runtime: str) -> None:
    count, *changes = lines("-m", "tests.servers.unchanged", runtime)
    assert int(count) > 3_000
    assert changes == []


def test_a_change_would_be_seen() -> None:
    _, *changes = lines("-c", _PATCHING)
    assert changes == [
        "h11._connection.Connection.added",
        "hypercorn.trio.run..TCPServer",
        "hypercorn.trio.tcp_server.TCPServer.run",
    ]
