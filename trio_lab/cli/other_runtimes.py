"""`trio-lab serve --runtime`: replace this process by the server program of another runtime.

It is replaced and not started as a child, so signals, standard input and the exit code are the server's own.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from .. import drills, servers
from ..config import Config
from ..errors import UsageError
from ..http.runtimes import lack

# The options that not every runtime knows, each with the runtimes that do.
_ONLY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("processes", "separate_pools", "autoscale", "default_threads", "jobs", "max_jobs"), ("trio",)),
    **dict.fromkeys(("connections", "slow_connections", "database"), ("trio",)),
    **dict.fromkeys(("stall_budget", "limit", "live", "live_port", "faults"), ("trio", "asyncio")),
}


def become(runtime: str, config: Config, *, as_json: bool, control: bool) -> NoReturn:
    """Replace this process by the server of ``runtime`` (asyncio or node), with the config as its environment.

    Raises:
        UsageError: this runtime's server knows no such option, or the runtime is not on this machine.
    """
    defaults = Config()
    for name, known in _ONLY.items():
        if runtime not in known and getattr(config, name) != getattr(defaults, name):
            raise UsageError(f"--{name.replace('_', '-')} is for the {' or the '.join(known)} runtime, not {runtime}")
    if (reason := lack(runtime)) is not None:
        raise UsageError(f"--runtime {runtime}: {runtime} is {reason}")
    flags = ["--json"] * as_json + ["--control"] * control
    program, *arguments = [*_program(runtime, faults=config.faults), *flags]
    os.execve(program, [program, *arguments], os.environ | config.to_env())


def _program(runtime: str, *, faults: bool) -> list[str]:
    if runtime == "asyncio":
        package, module = (drills, "faults_asyncio") if faults else (servers, "asyncio.serving")
        return [sys.executable, "-m", f"{package.__name__}.{module}"]
    node = shutil.which("node")
    assert node is not None  # `lack` found it
    return [node, str(Path(servers.__path__[0]) / "node" / "main.mjs")]
