"""A server whose log is kept, what is counted in it, and the server that the HTTP face of the lab is compared with."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO

from ..stage.server import Server, serving

_NUMBER = re.compile(rb"\d+")
_READ = 1 << 20  # bytes at once: some servers say more than one can read in the time


@dataclass(slots=True, kw_only=True, eq=False)
class LoggedServer(Server):
    """What it prints on standard error goes to the file ``stderr``."""

    stderr: IO[bytes]

    def printed(self, *, since: int = 0) -> bytes:
        """What it has printed since that many bytes; a part of it, when it is much."""
        return os.pread(self.stderr.fileno(), _READ, since)

    def ended(self) -> bool:
        return self.child.process.poll() is not None


class LineTimes:
    """When the lines of a log came, by the monotonic clock: as exact as `look` is called often. Lines that differ in their
    numbers alone are the same line."""

    def __init__(self, server: LoggedServer) -> None:
        self._server = server
        self._seen = os.fstat(server.stderr.fileno()).st_size
        self._times: dict[bytes, list[float]] = {}

    def look(self) -> None:
        new = self._server.printed(since=self._seen)
        self._seen += len(new)
        for line in new.splitlines():
            self._times.setdefault(_NUMBER.sub(b"", line), []).append(time.monotonic())

    @property
    def count(self) -> int:
        return sum(map(len, self._times.values()))

    def most_repeated(self, seconds: float) -> int:
        """How often the most frequent line came in any window of so many seconds."""
        return max((most_within(times, seconds) for times in self._times.values()), default=0)


def most_within(times: list[float], seconds: float) -> int:
    """The largest number of them in any window of so many seconds."""
    ordered = sorted(times)
    return max((bisect_left(ordered, start + seconds) - n for n, start in enumerate(ordered)), default=0)


def limited(command: Sequence[str], descriptors: int | None) -> list[str]:
    """The same command under a hard limit on open descriptors, if there is to be one. It keeps its process id."""
    return (
        list(command) if descriptors is None else ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
    )


@asynccontextmanager
async def trusting_server(runtime: str, *, descriptors: int | None = None) -> AsyncIterator[LoggedServer]:
    """The program `subjects.trusting` for the length of the block: frameworks as they come, and no check of any number.

    Raises what `serving` raises.
    """
    command = limited([sys.executable, "-m", "trio_lab.subjects.trusting", runtime], descriptors)
    with tempfile.TemporaryFile() as said:
        async with serving(command, stderr=said) as server:
            try:
                yield LoggedServer(child=server.child, url=server.url, stderr=said)
            finally:
                server.child.kill()  # the attack may have ended it, which is a finding and no error
