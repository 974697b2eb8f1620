"""Programs that open a pool, run as a user runs them: by file, by name, from a zip file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

OPEN = """
async def pooled(fn, *args, **limits):
    async with trio_lab.open_worker_pool(size=1, **limits) as pool:
        return await pool.run(fn, *args)
"""
"""What most of these programs need."""


def environment(**changed: str) -> dict[str, str]:
    """That of a user: nothing is unbuffered, and the package is found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(os.path.isdir, sys.path)])} | changed


def run(
    *command: str | Path, cwd: Path | None = None, code: int | None = 0, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run Python with this command, which must end with ``code``; ``prefix`` runs it in another way."""
    env = options.pop("env", None) or environment()
    done = subprocess.run(
        [*options.pop("prefix", ()), sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env=env,
        **options,
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


def as_ordinary_user() -> list[str]:
    """A prefix that takes all privileges from a program, but to read files: an interpreter may lie in root's home."""
    if os.getuid():
        return []
    only = "-all,+dac_read_search"
    return [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        f"--inh-caps={only}",
        f"--ambient-caps={only}",
    ]
