"""How many cores this process may use: by its affinity mask or by its container's CPU quota, whichever is less.

`os.cpu_count` counts the machine's cores; in a container these are often many times what the process gets. The quota is that of
the cgroup at the root of /sys/fs/cgroup, which a container has as its own; one of a systemd unit is not seen.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def affinity() -> int:
    """Cores that the scheduler may run this process on."""
    return len(os.sched_getaffinity(0))


def cpu_quota() -> float | None:
    """The CPU quota of the container's cgroup (v2, else v1) in cores; None without one."""
    try:
        quota, period = (_CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (_CGROUP / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (_CGROUP / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    return int(quota) / int(period)


def usable_cores() -> int:
    """Whole cores to plan with, at least one."""
    quota = cpu_quota()
    return max(1, affinity() if quota is None else min(affinity(), math.floor(quota)))


def default_workers() -> int:
    """One fewer than the cores, which leaves one to the loop, and at most four. (The articles' rule.)"""
    return max(1, min(usable_cores() - 1, 4))
