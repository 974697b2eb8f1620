"""Unit: a PostgreSQL server that does not come up is not left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trio_lab.measure.process import children, command_line
from trio_lab.stage import postgres as module
from trio_lab.stage.postgres import postgres


def test_a_server_that_never_answers_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, does in {"initdb": "exit 0", "postgres": "exec sleep 1000", "pg_isready": "exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(module, "_START", 0.1)
    monkeypatch.setattr(module, "_other_user", lambda: None)  # who could not read the folder
    with pytest.raises(RuntimeError, match="does not start"), postgres(tmp_path):
        pass
    assert [line for pid in children(os.getpid()) if str(tmp_path) in (line := command_line(pid))] == []
