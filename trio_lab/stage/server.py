"""A running server, seen from outside: where it is, what it says of itself, what its processes use."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Any

import trio

from ..config import without_config
from ..live.asked import SIDE_PROCESS
from ..load.client import Reply, fetch
from ..load.target import Target
from ..measure.process import children, command_line, cpu_seconds
from ..records.codec import decode
from ..records.health import Health
from .launch import Child, last_words, talking
from .until import wait_until

_START_TIME = 60.0


@dataclass(slots=True, kw_only=True, eq=False)
class Server:
    """A server that runs as a child process. ``live`` is where it is seen live, if it is."""

    child: Child
    url: str
    live: str | None = None

    @property
    def pid(self) -> int:
        return self.child.process.pid

    @property
    def port(self) -> int:
        return Target.parse(self.url).port

    async def fetch(self, path: str, *, timeout: float = 30.0) -> Reply:
        return await fetch(self.url + path, timeout=timeout)

    async def get(self, path: str, *, timeout: float = 30.0) -> Any:
        """The JSON of a reply of any status."""
        return json.loads((await self.fetch(path, timeout=timeout)).body)

    async def health(self, *, reset: bool = False, timeout: float = 30.0) -> Health:
        return decode(Health, (await self.fetch(f"/health?reset={int(reset)}", timeout=timeout)).body)

    async def resize(self, threads: int) -> None:
        """Change the native pool's size while the server runs; returns when the server says that it has."""
        await self.child.tell(f"threads {threads}")

        async def resized() -> bool:
            return (await self.health()).threads == threads

        await wait_until(resized, limit=5)

    def workers(self) -> list[int]:
        """The processes that it has started, but for the one that shows it live."""
        found = children(self.pid)
        return found if self.live is None else [pid for pid in found if SIDE_PROCESS not in command_line(pid)]

    def cpu_seconds(self) -> float:
        """Of the server and its workers, those that have ended too."""
        return sum(cpu_seconds(pid, reaped=True) or 0.0 for pid in (self.pid, *self.workers()))


@asynccontextmanager
async def serving(
    command: Sequence[str],
    *,
    stderr: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    new_group: bool = False,
) -> AsyncIterator[Server]:
    """Any server that prints {"url"} when it is ready and ends when its standard input does, for the length of the block.

    Of ``env``, or of our environment, it gets what `without_config` leaves. ``new_group``: see `talking`.

    Raises:
        RuntimeError: it did not start, or ended with another exit code than 0 without being killed by us.
        trio.TooSlowError: it was not ready in time.
    """
    env = without_config(os.environ if env is None else env)
    async with talking(command, stderr=stderr, env=env, new_group=new_group) as child:
        with trio.fail_after(_START_TIME):
            try:
                said = await child.hear()
            except RuntimeError as error:
                raise RuntimeError(f"the server did not start{_said(stderr)}") from error
        yield Server(child=child, url=str(said["url"]), live=said.get("live"))
    if (code := child.process.returncode) != 0 and not child.killed:
        raise RuntimeError(f"the server ended with exit code {code}{_said(stderr)}")


def _said(stderr: IO[bytes] | None) -> str:
    return "" if stderr is None else f": {last_words(stderr)}"
