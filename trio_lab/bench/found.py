"""The peers that we compare with: where each is looked for, and which version is there. None is installed unasked."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ..errors import UsageError
from ..http.runtimes import node_version

_ROOT = Path(__file__).parents[2]
# In a checkout the folder is at its root; an installed package must not write into its own folder.
PEERS = (_ROOT if (_ROOT / "pyproject.toml").exists() else Path.cwd()) / ".peers"
NPM_PEERS = ("piscina", "autocannon")
PYTHON_PEERS = ("aiocop", "loopsentry", "fastapi-loopguard", "pyleak")
"""Watchers of asyncio. Not in our environment, because some of them are plugins of pytest, which would watch our tests."""
APART = PEERS / f"python{sys.version_info[0]}.{sys.version_info[1]}"
"""The folder of these packages, for PYTHONPATH."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Something to compare with. ``version`` looks for it: (its version, "") or (None, why it cannot be used)."""

    name: str
    version: Callable[[], tuple[str | None, str]]

    def look(self) -> tuple[str | None, str]:
        """(version, "") when it is there, else (None, a reason such as "piscina: not installed")."""
        version, lack = self.version()
        return version, lack and f"{self.name}: {lack}"


def package(name: str) -> Peer:
    """A Python package of this environment."""

    def version() -> tuple[str | None, str]:
        try:
            return metadata.version(name), ""
        except metadata.PackageNotFoundError:
            return None, "not installed"

    return Peer(name=name, version=version)


def apart(name: str) -> Peer:
    """A Python package in the folder of `PYTHON_PEERS`."""

    def version() -> tuple[str | None, str]:
        found = next(iter(metadata.distributions(name=name, path=[str(APART)])), None)
        return (None, "not installed") if found is None else (found.version, "")

    return Peer(name=name, version=version)


def npm(name: str) -> Peer:
    """A package in the folder of node peers; it needs node as well."""

    def version() -> tuple[str | None, str]:
        try:
            found = json.loads((PEERS / "node_modules" / name / "package.json").read_text())["version"]
        except (OSError, ValueError, KeyError):
            return None, "not installed"
        _, lack = NODE.version()
        return (None, f"node is {lack}") if lack else (str(found), "")

    return Peer(name=name, version=version)


def _wrk() -> tuple[str | None, str]:
    if (path := shutil.which("wrk")) is None:
        return None, "not installed"
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=10)
    number = re.search(r"\d+(\.\d+)+", done.stdout or done.stderr)
    return (number[0] if number else "unknown version"), ""


def standard(name: str) -> Peer:
    """Something of Python's own library: always there."""
    return Peer(name=name, version=lambda: (platform.python_version(), ""))


NODE = Peer(name="node", version=node_version)
WRK = Peer(name="wrk", version=_wrk)


def install_peers() -> list[str]:
    """Put the node peers into `PEERS`, with npm, and the Python peers into `APART`, with pip; what could not be had, in words.

    Raises:
        UsageError: there is no npm, or it failed.
    """
    missing = [name for name in PYTHON_PEERS if not _pip_installs(name)]
    npm_program = shutil.which("npm")
    if npm_program is None:
        raise UsageError("npm is not on the path; the node peers need it")
    PEERS.mkdir(exist_ok=True)
    command = [npm_program, "install", "--prefix", str(PEERS), "--no-audit", "--no-fund", *NPM_PEERS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UsageError(f"npm failed: {done.stderr.strip().rpartition(chr(10))[2]}")
    return [f"{name}: not for this Python" for name in missing]


def _pip_installs(name: str) -> bool:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(APART), name]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
