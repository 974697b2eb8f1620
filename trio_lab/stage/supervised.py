"""A program of other people for the length of a block: with its own standard streams and its own exit code.

It runs under a `supervisor`, a process of its own, so nothing of it is left when the block ends, or when this process dies.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import trio

from ..blocks import block
from ..errors import UsageError
from ..measure.process import family, lives
from . import supervisor
from .until import until

# With -I the program's environment means nothing to the supervisor; with -S it starts in half the time.
_PACKAGES = str(Path(__file__).parents[2])
_START = f"import sys; sys.path.insert(0, {_PACKAGES!r}); from {supervisor.__name__} import main; main(*sys.argv[1:])"
_COMMAND = [sys.executable, "-I", "-S", "-c", _START]
_SPARE = 5.0  # seconds that the supervisor may take on top of the grace periods

GRACE = 5.0
"""Seconds that a program has to end when it is asked to."""


class Program:
    """A program that runs, or has run. ``code`` is its exit code once it has ended, negative for a signal. ``killed`` is how
    many of its processes had to be killed at the end."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = tuple(command)
        self.pid = 0
        self.code: int | None = None
        self.killed: int | None = None
        self.ended = trio.Event()
        """Set when its first process has ended."""
        self._started = trio.Event()
        self._error: str | None = None

    def family(self) -> list[int]:
        """Its processes: the first one, and what that and its descendants have started."""
        return family(self.pid)

    async def _listen(self, stream: trio.SocketStream) -> None:
        """To the supervisor, until that ends: it has things to say while we are cancelled."""
        heard = b""
        with trio.CancelScope(shield=True), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in stream:
                *lines, heard = (heard + data).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line))
        if self.code is None and self._error is None:
            self._error = "its supervisor died"
        self._started.set()
        self.ended.set()

    def _hear(self, words: dict[str, Any]) -> None:
        self.pid = words.get("pid", self.pid)
        self._error = words.get("error", self._error)
        self.killed = words.get("killed", self.killed)
        if "code" in words:
            self.code = words["code"]
            self.ended.set()
        self._started.set()


def under_supervisor(command: Sequence[str], *, descriptor: int, grace: float, user: str | None = None) -> list[str]:
    """The command of a supervisor that starts a program, as this user (None: as ours). ``descriptor`` is its end of the socket
    pair."""
    return [*_COMMAND, str(descriptor), str(grace), user or "", *command]


@block
async def supervised(
    command: Sequence[str],
    *,
    grace: float = GRACE,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int | IO[bytes] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> AsyncIterator[Program]:
    """Start a program; at the end of the block ask it to stop, and kill what is left of it ``grace`` seconds later. Root may
    start one as another ``user``.

    Raises:
        UsageError: it could not be started.
    """
    program = Program(command)
    with _connected() as (ours, its):
        process = await trio.lowlevel.open_process(
            under_supervisor(command, descriptor=its.fileno(), grace=grace, user=user),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            pass_fds=[its.fileno()],
            start_new_session=True,
        )
        its.close()
        stream = trio.SocketStream(ours)
        try:
            async with trio.open_nursery() as nursery:
                try:
                    nursery.start_soon(program._listen, stream)
                    await program._started.wait()
                    if program._error is not None:
                        raise UsageError(program._error)
                    yield program
                finally:
                    with trio.CancelScope(shield=True):
                        await _end(program, process, stream, 2 * grace + _SPARE)
        finally:
            await trio.aclose_forcefully(stream)


@contextmanager
def _connected() -> Iterator[tuple[trio.socket.SocketType, socket.socket]]:
    ours, its = socket.socketpair()
    with trio.socket.from_stdlib_socket(ours) as stream, its:
        yield stream, its


async def _end(program: Program, process: trio.Process, stream: trio.SocketStream, limit: float) -> None:
    """Tell the supervisor to stop the program, and wait for it. If it hangs or has died, its work is done here."""
    with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
        await stream.send_eof()
    with trio.move_on_after(limit):
        await process.wait()
    if process.returncode == 0:
        return
    for pid in reversed(family(process.pid)):
        _kill(pid, os.kill)
    await process.wait()
    if program.pid:
        _kill(program.pid, os.killpg)
        await until(lambda: not lives(program.pid), limit=_SPARE)


def _kill(pid: int, kill: Callable[[int, int], None]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        kill(pid, signal.SIGKILL)
