"""How the lab starts other programs. Every one of them has a lifeline: whatever happens to the lab, none stays behind.

The lifeline is the child's standard input, a pipe that closes when this process ends, however it ends. Programs of ours
end with it: a server does so by itself, one that was told ``--lifeline`` is killed (`worker.lifeline`).

There are three kinds of children. One is asked once and answers by what it prints (`output_of`). One is talked with, line
by line, and ends when it is not needed any more (`talking`). One calls a single function of ours and hands back what that
returns (`alone`, a module of its own).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import IO, Any

import trio

from ..errors import ChildLost
from ..worker.lifeline import close, open_pipe

TRIO_LAB = (sys.executable, "-m", "trio_lab")
"""The command, in this environment."""
LIFELINE = "--lifeline"

_STOP_TIME = 30.0  # seconds in which a child has to end when its standard input has


def serve(*flags: str, runtime: str = "trio", port: int = 0) -> list[str]:
    """The command of a lab server that says its address in a line of JSON and ends with its standard input."""
    whose = [] if runtime == "trio" else ["--runtime", runtime]
    return [*TRIO_LAB, "serve", *whose, "--port", str(port), "--json", "--control", *flags]


@contextmanager
def lifeline() -> Iterator[int]:
    """The standard input for a child that must not outlive this process."""
    reading, writing = open_pipe()
    try:
        yield reading
    finally:
        close(reading)
        close(writing)


async def output_of(command: Sequence[str], *, accepted: Sequence[int] = (0,)) -> bytes:
    """What a program prints until it ends.

    Raises:
        ChildLost: it ended with another exit code than the ``accepted`` ones, or said nothing.
    """
    with lifeline() as stdin:
        done = await trio.run_process(command, stdin=stdin, capture_stdout=True, capture_stderr=True, check=False)
    if done.returncode not in accepted or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ChildLost(f"{' '.join(command[1:4])} ended with exit code {done.returncode}: {said}")
    return bytes(done.stdout)


class Child:
    """A process that is told lines and answers with lines of JSON."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.killed = False
        """By `kill`: then its exit code is no fault."""
        self._stdin, self._stdout = process.stdin, process.stdout
        self._heard = b""

    async def tell(self, line: str) -> None:
        await self._stdin.send_all(line.encode() + b"\n")

    async def hear(self) -> Any:
        """The JSON of the next line.

        Raises:
            ChildLost: the process ended instead.
        """
        while b"\n" not in self._heard:
            data = await self._stdout.receive_some()
            if not data:
                raise ChildLost("a program ended before it answered; what it printed says why")
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    async def ask(self, line: str) -> Any:
        """The answer to a line.

        Raises:
            ChildLost: the process ended instead, or had ended before.
        """
        with suppress(trio.BrokenResourceError):  # nobody reads it any more, and nothing is answered
            await self.tell(line)
        return await self.hear()

    def kill(self) -> None:
        """SIGKILL to the process itself, not to its children."""
        self.killed = True
        self.process.kill()

    async def end(self) -> None:
        """Close its standard input, and wait for it to end."""
        await self._stdin.aclose()
        with trio.move_on_after(_STOP_TIME):
            await self.process.wait()


@asynccontextmanager
async def talking(
    command: Sequence[str],
    *,
    stderr: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    new_group: bool = False,
    pass_fds: Sequence[int] = (),
) -> AsyncIterator[Child]:
    """A child to talk with for the length of the block. What it prints on standard error goes to ``stderr``, or to ours. It
    inherits the descriptors ``pass_fds``.

    With ``new_group`` it leads a process group of its own, so that the group can be sent a signal.
    """
    async with trio.open_nursery() as nursery:
        start = partial(
            trio.run_process,
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=env,
            check=False,
            process_group=0 if new_group else None,
            pass_fds=pass_fds,
        )
        process: trio.Process = await nursery.start(start)
        child = Child(process)
        try:
            yield child
            await child.end()
        finally:
            if process.returncode is None:
                process.kill()


def kill(pid: int) -> bool:
    """SIGKILL to a process; False when there was none any more."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def last_words(file: IO[bytes]) -> str:
    """The end of what a child printed into a file."""
    return os.pread(file.fileno(), 1 << 20, 0)[-500:].decode(errors="replace").strip()
