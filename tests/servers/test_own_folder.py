"""Unit: the folder of a server, and those that killed servers have left."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from trio_lab.jobs.doorbell import folder_of
from trio_lab.servers.own_folder import JOBS, PREFIX, own_folder


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_gone_at_its_end_with_what_is_in_it(tmp_path: Path) -> None:
    with own_folder() as folder:
        assert folder.parent == tmp_path
        (folder / "data").touch()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_has_left_is_removed_by_the_next_and_nothing_else(tmp_path: Path) -> None:
    left, file = tmp_path / f"{PREFIX}left", tmp_path / f"{PREFIX}file"
    left.mkdir()
    (left / JOBS).touch()
    file.touch()
    (folder_of(left / JOBS) / "1-socket").touch()  # of a worker that was killed as well
    with own_folder() as lives:
        assert not left.exists()
        with own_folder() as second:
            assert sorted(tmp_path.iterdir()) == sorted([lives, second, file])


def test_its_lock_ends_with_its_process(tmp_path: Path) -> None:
    program = """
import os, sys, tempfile
from trio_lab.servers.own_folder import own_folder
tempfile.tempdir = sys.argv[1]
with own_folder() as folder:
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60).returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    with own_folder() as folder:
        assert list(tmp_path.iterdir()) == [folder]
