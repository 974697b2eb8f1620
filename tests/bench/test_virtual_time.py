"""Unit: what the benchmark of the fast lane times is what it says."""

from __future__ import annotations

import pytest

from trio_lab.bench.peers import virtual_time


def test_both_simulators_are_timed() -> None:
    assert virtual_time.ours(300) > 0
    assert virtual_time.simpy(300) > 0


def test_an_hour_is_one_and_has_an_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "_HOUR", 20.0)
    assert virtual_time.overload(60.0) > 0
    found = virtual_time.play(virtual_time.hour(60.0))
    assert found.goodput == pytest.approx(30.0, rel=0.15)
    assert found.came == pytest.approx(1_200, rel=0.15)
    assert found.left > 300


def test_memory_is_read_twice() -> None:
    found = virtual_time.memory(1_000)
    assert 0 < found.tenth <= 1.1 * found.all


def test_errors_are_of_all_queues() -> None:
    found = virtual_time.errors(31_000)  # fewer are not played at the higher load, only for the queue to settle
    assert 0 < found.share < 1
    assert 0 < found.in_intervals < 5
