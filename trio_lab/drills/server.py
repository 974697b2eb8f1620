"""A lab server under drill: with fault routes, a log in which its jobs say what they do, and what it held before."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..load.client import Reply
from ..records.codec import decode
from ..stage.launch import serve
from ..stage.server import serving
from ..stage.until import wait_until
from .aftermath import Vitals, aftermath, held, settled
from .inside import Inside
from .logged import LoggedServer, limited
from .poison import LOG_VARIABLE


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the jobs' log: ``what`` is begin or end, ``at`` by the monotonic clock."""

    what: str
    number: int
    pid: int
    at: float


def read_log(path: Path) -> list[Line]:
    lines = (line.split() for line in path.read_text().splitlines())
    return [Line(what, int(number), int(pid), float(at)) for what, number, pid, at in lines]


def busy(lines: list[Line]) -> list[int]:
    """The processes that are in a job, by what jobs say."""
    last = {line.pid: line.what for line in lines}
    return [pid for pid, what in last.items() if what == "begin"]


@dataclass(slots=True, kw_only=True, eq=False)
class FaultyServer(LoggedServer):
    """``size`` is how many children it should have, ``before`` what it held when nothing had happened yet."""

    log: Path
    size: int
    before: Vitals = field(init=False)

    async def fault(self, name: str, number: int = 0, ms: int = 0, *, timeout: float = 15.0) -> Reply:
        return await self.fetch(f"/fault/{name}?id={number}&ms={ms}", timeout=timeout)

    async def inside(self) -> Inside:
        return decode(Inside, (await self.fetch("/fault")).body)

    def lines(self) -> list[Line]:
        return read_log(self.log)

    async def vitals(self) -> Vitals:
        begun = time.monotonic()
        await self.health()
        answer = time.monotonic() - begun
        return held(self.pid, answer_s=answer, tasks=(await self.inside()).tasks)

    async def aftermath(self) -> dict[str, float | None]:
        return await aftermath(self.vitals, self.before, workers=self.size)

    async def until_whole(self, gone: set[int]) -> float:
        """Seconds until all workers are ready and none of them is of those that are to be gone."""

        async def whole() -> bool:
            if gone & set(self.workers()):
                return False
            return (await self.health()).queue("worker_pool").capacity == self.size

        return await wait_until(whole, limit=30)


@asynccontextmanager
async def faulty_server(
    *flags: str,
    port: int = 0,
    workers: int = 2,
    runtime: str = "trio",
    descriptors: int | None = None,
    new_group: bool = False,
) -> AsyncIterator[FaultyServer]:
    """A `trio-lab serve --faults` for the length of the block. Raises what `serving` raises, with its last words.

    ``descriptors``: how many it may have open; it cannot raise this limit. ``new_group``: see `talking`.
    """
    command = limited(serve("--faults", "--workers", str(workers), *flags, port=port, runtime=runtime), descriptors)
    with tempfile.NamedTemporaryFile(prefix="trio-lab-drill-") as log, tempfile.TemporaryFile() as said:
        env = os.environ | {LOG_VARIABLE: log.name}
        async with serving(command, stderr=said, env=env, new_group=new_group) as plain:
            server = FaultyServer(
                child=plain.child,
                url=plain.url,
                live=plain.live,
                log=Path(log.name),
                stderr=said,
                size=workers + (plain.live is not None),
            )
            server.before = await settled(server.vitals)
            yield server
