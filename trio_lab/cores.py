"""How many cores this process may really use: the affinity mask and the cgroup's CPU quota, whichever is less.

`os.cpu_count` says what the machine has; in a container that is often many times what the process gets.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def affinity() -> int:
    """Cores that the scheduler may put this process on."""
    return len(os.sched_getaffinity(0))


def cpu_quota() -> float | None:
    """Cores' worth of time the cgroup grants (v2, else v1), or None when it sets no bound."""
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
    """One core stays with the loop, and more than four workers are asked for, not assumed: the sources' rule."""
    return max(1, min(usable_cores() - 1, 4))
