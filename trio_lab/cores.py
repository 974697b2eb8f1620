"""How many cores this process may use: by its affinity mask or by its CPU quota, whichever is less.

`os.cpu_count` counts the machine's cores; in a container, or a systemd unit, these are often many times what the process gets.
"""

from __future__ import annotations

import math
import os

from .control_group import cpu_quota


def affinity() -> int:
    """Cores that the scheduler may run this process on."""
    return len(os.sched_getaffinity(0))


def usable_cores() -> int:
    """Whole cores to plan with, at least one."""
    quota = cpu_quota()
    return max(1, affinity() if quota is None else min(affinity(), math.floor(quota)))


def default_workers() -> int:
    """One fewer than the cores, which leaves one to the loop, and at most four. (The articles' rule.)"""
    return max(1, min(usable_cores() - 1, 4))
