"""How many cores were idle lately, so that one more worker would not take CPU time from others.

The result is the lesser of two figures: how long each core that this process may use was idle, by the kernel's count
(/proc/stat) for all processes; and, with a CPU quota, what the control group has left of it, because a container may be
throttled on an idle machine. Time that a hypervisor took away counts as used.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from ..control_group import cpu_quota, used_seconds

_STAT = Path("/proc/stat")
_TICKS = os.sysconf("SC_CLK_TCK")
# Fields of a cpu line; those from the eighth on are contained in earlier ones.
_IDLE, _IOWAIT, _STEAL, _GUEST = 3, 4, 7, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTimes:
    """Counters at one moment, in seconds: for each core that may be used, and for the control group if it has a quota."""

    at: float
    idle: dict[int, float]
    total: dict[int, float]
    quota: float | None = None
    used: float | None = None
    """CPU seconds of the group; None without a quota, or when they cannot be read."""


def free_cores(before: CpuTimes, after: CpuTimes) -> float | None:
    """Idle time between two readings, in cores; None when it is not known."""
    idle = 0.0
    cores = before.total.keys() & after.total.keys()
    for core in cores:
        passed = after.total[core] - before.total[core]
        if passed > 0:
            idle += min(1.0, max(0.0, (after.idle[core] - before.idle[core]) / passed))
    elapsed = after.at - before.at
    if not cores or elapsed <= 0:
        return None
    if after.quota is None:
        return idle
    if before.used is None or after.used is None:
        return None
    return max(0.0, min(idle, after.quota - (after.used - before.used) / elapsed))


def parse_stat(text: str, cores: set[int]) -> tuple[dict[int, float], dict[int, float]]:
    """Idle and total seconds of each of the ``cores`` in the text of /proc/stat."""
    idle: dict[int, float] = {}
    total: dict[int, float] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if name.startswith("cpu") and name[3:].isdigit() and (core := int(name[3:])) in cores:
            ticks = [int(field) for field in rest.split()[:_GUEST]]
            idle[core] = (ticks[_IDLE] + ticks[_IOWAIT]) / _TICKS
            total[core] = sum(ticks) / _TICKS
    return idle, total


def read_cpu_times() -> CpuTimes | None:
    """The counters now; None where /proc/stat cannot be read."""
    try:
        idle, total = parse_stat(_STAT.read_text(), os.sched_getaffinity(0))
    except (OSError, ValueError, IndexError):
        return None
    quota = cpu_quota()
    used = None if quota is None else used_seconds()
    return CpuTimes(at=time.monotonic(), idle=idle, total=total, quota=quota, used=used)


def stolen_seconds() -> float | None:
    """What the host of a virtual machine has taken from all of its cores since it was started; None where it is not told."""
    try:
        with _STAT.open() as file:
            return int(file.readline().split()[1 + _STEAL]) / _TICKS
    except (OSError, ValueError, IndexError):
        return None


class CpuWindow:
    """One reader's view: the cores that were idle since its last call."""

    def __init__(self) -> None:
        self._last = read_cpu_times()

    def free_cores(self) -> float | None:
        """Idle cores since the last call; None when they cannot be read."""
        before, self._last = self._last, read_cpu_times()
        return None if before is None or self._last is None else free_cores(before, self._last)
