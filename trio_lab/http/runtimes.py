"""The runtimes that the lab's server exists for, and which of them this machine has."""

from __future__ import annotations

import shutil
import subprocess

from .contract import RUNTIMES as RUNTIMES

_NODE_NEEDED = 20  # the first release that the files in servers/node were written for


def lack(runtime: str) -> str | None:
    """Why a runtime cannot be used here; None when it can."""
    return node_version()[1] or None if runtime == "node" else None


def node_version() -> tuple[str | None, str]:
    """(version, "") of a node that is new enough, else (None, why there is none)."""
    path = shutil.which("node")
    if path is None:
        return None, "not installed"
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)
    version = done.stdout.strip().lstrip("v")
    number = version.partition(".")[0]
    if not number.isdigit() or int(number) < _NODE_NEEDED:
        return None, f"older than {_NODE_NEEDED}"
    return version, ""
