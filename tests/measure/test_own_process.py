"""What this process holds, and how often it looks."""

from __future__ import annotations

import os

from trio_lab.measure.own_process import OwnProcess


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
