"""Unit: what a run tells of its machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_lab.measure.environment import environment


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"#!/bin/sh\necho v20.1.0\necho more\n", "v20.1.0"), (b"\x7fELF of another machine", "does not start")],
)
def test_a_peer_that_does_not_start_ends_no_run(
    content: bytes, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "node").write_bytes(content)
    (tmp_path / "node").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment()["programs"] == {"node": told, "wrk": None}
