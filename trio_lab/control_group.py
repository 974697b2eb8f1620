"""What the control groups of this process bound and count (cgroups(7)): its own group, and those above it, of version 2 or 1.

A quota may be set at any of them. A container mostly sees its own group alone, at the root of the tree; the group of a systemd
unit is further down, and its quota may be that of a slice above. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_ROOT, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cpu_quota() -> float | None:
    """The lowest CPU quota, in cores; None without one."""
    return min((quota for group in _groups("cpu") if (quota := _quota(group)) is not None), default=None)


def used_seconds() -> float | None:
    """CPU time so far of all processes in the group with the lowest quota; None without one, or if it is not told."""
    group = min(_groups("cpu"), key=lambda group: _quota(group) or float("inf"), default=None)
    if group is None or _quota(group) is None:
        return None
    if (used := _counted(group / "cpu.stat", "usage_usec")) is not None:
        return used / 1e6
    if group.is_relative_to(first := _ROOT / "cpu"):
        used = _number(_ROOT / "cpuacct" / group.relative_to(first) / "cpuacct.usage")
    return None if used is None else used / 1e9


def throttled_seconds() -> float | None:
    """For how long quotas have stopped threads of the groups, each thread's time added up; None where it is not told."""
    told = [
        count / unit
        for group in _groups("cpu")
        for name, unit in (("throttled_usec", 1e6), ("throttled_time", 1e9))
        if (count := _counted(group / "cpu.stat", name)) is not None
    ]
    return sum(told) if told else None


def memory_limit() -> int | None:
    """The lowest limit of memory, in bytes; None without one. Where version 1 has none, it tells more than any machine has."""
    files = [group / name for group in _groups("memory") for name in ("memory.max", "memory.limit_in_bytes")]
    return min((limit for file in files if (limit := _number(file)) is not None), default=None)


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's group and of all above it. Some may not be there: a container sees its own tree, but may be
    told the path in its host's."""
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        tree = _ROOT / controller if controllers else _ROOT  # version 1, which has a tree for each controller, or 2
        group = tree / path.lstrip("/")
        while group != tree.parent:
            yield group
            group = group.parent


def _quota(group: Path) -> float | None:
    try:
        quota, period = (group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        quota, period = (_text(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None  # else "max" or -1


def _counted(file: Path, name: str) -> int | None:
    """The number in the line that begins with this name."""
    words = _text(file).split()
    found = dict(zip(words[::2], words[1::2], strict=False))
    return int(found[name]) if name in found else None


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text.isdecimal() else None


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
