"""What this process holds, and how often it looks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trio_lab.measure.own_process import OwnProcess, memory_limit


def test_it_sees_a_descriptor_that_is_opened_and_looks_only_now_and_then() -> None:
    now = 0.0
    process = OwnProcess(clock=lambda: now)
    before = process.read()
    with open(os.devnull):
        assert process.read() is before
        now = OwnProcess.PERIOD
        after = process.read()
    assert before.descriptors is not None
    assert after.descriptors == before.descriptors + 1
    assert after.memory is not None
    assert after.memory_limit is not None
    assert 1_000_000 < after.memory < after.memory_limit


@pytest.mark.parametrize(("text", "limited"), [("max\n", False), ("1048576\n", True), (None, False)])
def test_the_limit_is_the_groups_if_it_has_one(tmp_path: Path, text: str | None, limited: bool) -> None:
    if text is not None:
        (tmp_path / "memory.max").write_text(text)
    assert (memory_limit(tmp_path) == 1048576) == limited
    assert memory_limit(tmp_path) > 0
