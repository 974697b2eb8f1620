"""Unit: what bounds this process, wherever in the trees of its control groups it is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_lab import control_group

NOTHING = (None, None, None, None)  # quota, CPU seconds, seconds stopped, bytes

UNIT = "0::/system.slice/lab.service"
FIRST = "4:memory:/a/b\n2:cpu,cpuacct:/a/b\n0::/"
NAMED_BY_THE_HOST = "3:memory:/docker/1f\n2:cpuacct:/docker/1f\n1:cpu:/docker/1f"

CASES = {
    "no groups": ("", {}, NOTHING),
    "no bounds": (
        UNIT,
        {
            "system.slice/lab.service": {"cpu.max": "max 100000", "cpu.stat": "usage_usec 5", "memory.max": "max"},
            "": {"cpu.stat": "usage_usec 9"},
        },
        NOTHING,
    ),
    "a container": (
        "0::/",
        {
            "": {
                "cpu.max": "150000 100000",
                "cpu.stat": "usage_usec 2000000\nthrottled_usec 300000",
                "memory.max": "4096",
            }
        },
        (1.5, 2.0, 0.3, 4096),
    ),
    "a unit": (
        UNIT,
        {"system.slice/lab.service": {"cpu.max": "50000 100000", "cpu.stat": "usage_usec 1000000", "memory.max": "99"}},
        (0.5, 1.0, None, 99),
    ),
    "a slice above it": (
        UNIT,
        {
            "system.slice/lab.service": {
                "cpu.max": "300000 100000",
                "cpu.stat": "usage_usec 1\nthrottled_usec 500000",
                "memory.max": "200",
            },
            "system.slice": {
                "cpu.max": "200000 100000",
                "cpu.stat": "usage_usec 7000000\nthrottled_usec 1000000",
                "memory.max": "100",
            },
        },
        (2.0, 7.0, 1.5, 100),
    ),
    "version 1": (
        FIRST,
        {
            "cpu/a/b": {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000", "cpu.stat": "throttled_time 0"},
            "cpu/a": {
                "cpu.cfs_quota_us": "250000",
                "cpu.cfs_period_us": "100000",
                "cpu.stat": "nr_periods 3\nthrottled_time 2000000000",
            },
            "cpuacct/a": {"cpuacct.usage": "3000000000"},
            "memory/a/b": {"memory.limit_in_bytes": "9223372036854771712"},
            "memory/a": {"memory.limit_in_bytes": "8192"},
        },
        (2.5, 3.0, 2.0, 8192),
    ),
    "version 1 in a container that is told the path on its host": (
        NAMED_BY_THE_HOST,
        {
            "cpu": {"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "50000"},
            "cpuacct": {"cpuacct.usage": "1500000000"},
            "memory": {"memory.limit_in_bytes": "77"},
        },
        (2.0, 1.5, None, 77),
    ),
    "a path out of what it sees": (
        "0::/../other",
        {"": {"cpu.max": "100000 100000", "memory.max": "7"}},
        (1.0, None, None, 7),
    ),
    "rubbish": (UNIT, {"": {"cpu.max": "two", "cpu.stat": "usage_usec", "memory.max": "much"}}, NOTHING),
}


@pytest.mark.parametrize(("own", "files", "found"), CASES.values(), ids=CASES)
def test_the_lowest_bound_counts_of_the_own_group_and_all_above_it(
    own: str,
    files: dict[str, dict[str, str]],
    found: tuple[object, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for folder, texts in files.items():
        (tmp_path / "tree" / folder).mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (tmp_path / "tree" / folder / name).write_text(text + "\n")
    (tmp_path / "own").write_text(own + "\n" if own else "")
    monkeypatch.setattr(control_group, "_ROOT", tmp_path / "tree")
    monkeypatch.setattr(control_group, "_OWN", tmp_path / "own")
    assert (
        control_group.cpu_quota(),
        control_group.used_seconds(),
        control_group.throttled_seconds(),
        control_group.memory_limit(),
    ) == found


def test_where_linux_tells_no_groups_there_are_no_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_group, "_OWN", tmp_path / "missing")
    assert control_group.cpu_quota() is None
    assert control_group.memory_limit() is None
