"""The machine, the limits and the packages of a run: without them its figures cannot be compared with others."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import sys
import sysconfig
import time
from importlib import metadata
from typing import Any

from .. import __version__
from ..control_group import cpu_quota
from ..cores import affinity, default_workers, usable_cores

_PACKAGES = ("trio", "hypercorn", "quart", "quart-trio", "trio-util", "h11", "httptools", "msgspec")
_PROGRAMS = ("node", "wrk")  # optional: peers to compare with


def environment() -> dict[str, Any]:
    """Machine, limits, Python and packages as plain values; None for a package that is missing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "trio_lab": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "gil": "disabled build" if sysconfig.get_config_var("Py_GIL_DISABLED") else "enabled",
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
        "cores_affinity": affinity(),
        "cpu_quota": cpu_quota(),
        "cores_usable": usable_cores(),
        "workers_default": default_workers(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "descriptors_soft": soft,
        "descriptors_hard": hard,
        "clock_resolution_s": time.get_clock_info("perf_counter").resolution,
        "packages": {name: _version(name) for name in _PACKAGES},
        "programs": {name: _program(name) for name in _PROGRAMS},
    }


def missing() -> list[str]:
    """What the lab needs and this machine lacks, one sentence each."""
    found = [f"package {name} is not installed" for name in _PACKAGES if _version(name) is None]
    if sys.platform != "linux":
        found.append("the load generator and the workers need Linux (epoll, pidfd)")
    if usable_cores() < 2:
        found.append("one core only: server and load share it, and every figure is lower than with two")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1024:
        found.append("fewer than 1024 descriptors: raise them with `ulimit -n` before large loads")
    return found


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _program(name: str) -> str | None:
    path = shutil.which(name)
    if path is None:
        return None
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "does not start"
    return (said.stdout or said.stderr).strip().split("\n", 1)[0][:60] or "present"
