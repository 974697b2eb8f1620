"""Scenarios: a PostgreSQL server is not left behind, whatever happens. The programs are scripts in place of PostgreSQL's."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import until_gone
from trio_lab.measure.process import children, command_line, family, lives
from trio_lab.stage import postgres as module
from trio_lab.stage.postgres import postgres

STARTS = """
import sys, pathlib
from trio_lab.stage import postgres
postgres._END = 0.05
with postgres.postgres(pathlib.Path(sys.argv[1])) as server:
    print(server.pid, server.user or "", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def programs() -> Iterator[Path]:
    """In a folder that another user may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def write(folder: Path, **programs: str) -> None:
    for name, does in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)


def test_a_server_that_never_answers_is_ended(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(programs, initdb="exit 0", postgres="exec sleep 1000", pg_isready="exit 1")
    monkeypatch.setattr(module, "_START", 0.1)
    with pytest.raises(RuntimeError, match="does not start"), postgres(programs):
        pass
    assert [line for pid in children(os.getpid()) if str(programs) in (line := command_line(pid))] == []


def test_a_server_that_ends_at_once_does_not_start(programs: Path) -> None:
    write(programs, initdb="exit 0", postgres="exit 1", pg_isready="exit 1")
    with pytest.raises(RuntimeError, match="does not start"), postgres(programs):
        pass


def test_a_server_does_not_outlive_us(programs: Path) -> None:
    """We are killed, and it and a process that it has started react to nothing but SIGKILL."""
    deaf = "trap '' QUIT TERM INT HUP; sleep 1000 & while :; do sleep 0.01; done"
    write(programs, initdb="exit 0", postgres=deaf, pg_isready="exit 0")
    us = subprocess.Popen(
        [sys.executable, "-c", STARTS, programs],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(programs)},  # its folder stays behind
    )
    with us:
        assert us.stdout is not None
        pid, user = us.stdout.readline().decode().rstrip("\n").split(" ")
        assert lives(int(pid))
        assert Path(f"/proc/{pid}").owner() == user or not user
        started = family(us.pid)[1:]
        us.kill()
        until_gone([int(pid), *started])
