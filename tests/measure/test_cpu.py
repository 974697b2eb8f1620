"""Unit: free cores from two readings, as a table; and that the files of this machine are read at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_lab.measure import cpu
from trio_lab.measure.cpu import CpuTimes, CpuWindow, free_cores, parse_stat

STAT = """\
cpu  400 0 200 5400 0 0 0 0 50 0
cpu0 300 0 100 400 200 0 0 0 50 0
cpu1 0 0 0 1000 0 0 0 0 0 0
cpu10 100 0 100 600 0 0 0 200 0 0
intr 1 2 3
ctxt 7
"""


def times(at: float, *idle_of_ten: float, quota: float | None = None, used: float | None = None) -> CpuTimes:
    """Each core has lived as long as the clock says; of that it was idle so long."""
    return CpuTimes(
        at=at,
        idle=dict(enumerate(idle_of_ten)),
        total=dict.fromkeys(range(len(idle_of_ten)), at),
        quota=quota,
        used=used,
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (times(10, 10, 10), 2.0),
        (times(10, 0, 0), 0.0),
        (times(10, 5, 10), 1.5),
        (times(10, 10, 10, quota=1.0, used=0.0), 1.0),  # idle cores, but one core's worth of time at most
        (times(10, 10, 10, quota=1.5, used=10.0), 0.5),
        (times(10, 2, 0, quota=1.5, used=10.0), 0.2),  # a quota that is left, but no core
        (times(10, 10, 10, quota=0.5, used=10.0), 0.0),
        (times(10, 10, 10, quota=1.0), None),
        (times(0, 0, 0), None),  # no time has passed
    ],
)
def test_the_lesser_of_idle_cores_and_quota(after: CpuTimes, expected: float | None) -> None:
    before = times(0, 0, 0, quota=after.quota, used=None if after.used is None else 0.0)
    found = free_cores(before, after)
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_core_that_came_or_went_is_not_counted() -> None:
    assert free_cores(times(0, 0, 0), times(10, 10)) == 1.0
    assert free_cores(times(0, 0), times(10, 10, 10)) == 1.0
    assert free_cores(times(0), times(10)) is None


def test_cores_are_parsed_by_number_and_guests_are_not_counted_twice() -> None:
    tick = 1 / cpu._TICKS
    idle, total = parse_stat(STAT, {0, 10})
    assert idle == pytest.approx({0: 600 * tick, 10: 600 * tick})
    assert total == pytest.approx({0: 1000 * tick, 10: 1000 * tick})


def test_what_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cpu, "_STAT", tmp_path / "missing")
    assert CpuWindow().free_cores() is None
    (tmp_path / "garbage").write_text("cpu0 one two\n")
    monkeypatch.setattr(cpu, "_STAT", tmp_path / "garbage")
    assert CpuWindow().free_cores() is None


def test_this_machine_can_be_read() -> None:
    before = cpu.read_cpu_times()
    assert before is not None
    assert before.total.keys() == before.idle.keys()
    assert all(0 <= before.idle[core] <= total for core, total in before.total.items())
