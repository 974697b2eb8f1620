"""What keeps the jobs of the drill job-queue-kill: a file, or a server, which is one more thing that can be killed.

A keeper also tells what became of the jobs, by its own means."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import trio

from ..errors import Unreachable
from ..jobs.counted import Tally
from ..jobs.schema import NAMES
from ..stage import valkey
from ..stage.hosts import free_ports
from ..stage.supervised import Program, supervised

if TYPE_CHECKING:
    from ..jobs.broker import Broker  # needs streaq

_AGAIN = 0.1  # seconds before a server is asked again that was killed
_MOST = 1_000_000  # jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The state of each job by its id, how many were tried more than once, and whether the file is intact."""

    states: Mapping[str, str]
    tried_again: int
    intact: bool = True


class Keeper(Protocol):
    url: str

    def opened(self) -> AbstractAsyncContextManager[None]:
        """It can be used within."""

    async def ready(self) -> None:
        """Returns when it can be reached."""

    def kill(self) -> bool:
        """Kill what can be killed of it, which then comes back; False if nothing can."""

    async def tally(self) -> Tally: ...

    async def holders(self) -> list[str]:
        """The names of the workers that have a job, that of the youngest job first."""

    async def kept(self) -> Kept: ...


class FileKeeper:
    """SQLite."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        yield

    async def ready(self) -> None:
        await trio.lowlevel.checkpoint()

    def kill(self) -> bool:
        return False

    async def tally(self) -> Tally:
        return Tally(*self._read("SELECT * FROM tally")[0])

    async def holders(self) -> list[str]:
        return [str(worker) for (worker,) in self._read("SELECT worker FROM job WHERE state = 2 ORDER BY id DESC")]

    async def kept(self) -> Kept:
        return Kept(
            states={str(id): NAMES[state] for id, state in self._read("SELECT id, state FROM job")},
            tried_again=self._read("SELECT count(*) FROM job WHERE tries > 1")[0][0],
            intact=self._read("PRAGMA integrity_check") == [("ok",)],
        )

    def _read(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()


class ServerKeeper:
    """Valkey or Redis, with an append-only file."""

    def __init__(self, program: str, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = valkey.command(program, folder, self.port)
        self._server: Program | None = None
        self._broker: Broker | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        from ..jobs.broker import open_broker

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep)
            await self.ready()
            async with open_broker(self.url, warn=False) as self._broker:
                yield
            nursery.cancel_scope.cancel()

    async def _keep(self) -> None:
        while True:
            async with supervised(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as self._server:
                await self._server.ended.wait()

    async def ready(self) -> None:
        await valkey.until_ready(self.port)

    def kill(self) -> bool:
        if self._server is None or self._server.ended.is_set():
            return False
        os.kill(self._server.pid, signal.SIGKILL)
        return True

    async def tally(self) -> Tally:
        found = await self._ask("tally")
        return Tally(**{name: int(count) for name, count in _pairs(found).items()})

    async def holders(self) -> list[str]:
        return [job["worker"] for job in (await self._jobs("running", _MOST)).values()]

    async def kept(self) -> Kept:
        jobs = await self._jobs("", _MOST)
        again = sum(int(job["tries"]) > 1 for job in jobs.values())
        return Kept(states={id: job["state"] for id, job in jobs.items()}, tried_again=again)

    async def _jobs(self, state: str, most: int) -> dict[str, Mapping[str, str]]:
        found: dict[str, Mapping[str, str]] = {}
        below: Any = ""
        while below != 0 and len(found) < most:
            _, below, jobs = await self._ask("list", below, state, "", most - len(found))
            found |= {str(id): _pairs(job) for id, job in jobs}
        return found

    async def _ask(self, step: str, *arguments: object) -> Any:
        assert self._broker is not None
        while True:
            try:
                return await self._broker.step(step, *arguments)
            except Unreachable:
                await trio.sleep(_AGAIN)


def _pairs(flat: list[str]) -> Mapping[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
