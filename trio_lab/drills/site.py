"""A lab server under drill, seen from outside."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from ..load.client import Reply, fetch
from ..measure.process import children
from .aftermath import Vitals, aftermath, held


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


@dataclass(slots=True, kw_only=True)
class Site:
    """A running server. ``before`` is what it held when nothing had happened yet."""

    process: trio.Process
    url: str
    log: Path
    workers: int
    killed: bool = False
    before: Vitals = field(default_factory=lambda: Vitals(answer_s=0, fds=0, tasks=0, children=0, zombies=0))

    async def fault(self, name: str, number: int = 0, ms: int = 0, *, timeout: float = 15.0) -> Reply:
        return await fetch(f"{self.url}/fault/{name}?id={number}&ms={ms}", timeout=timeout)

    async def get(self, path: str, *, timeout: float = 5.0) -> Any:
        return json.loads((await fetch(self.url + path, timeout=timeout)).body)

    def pids(self) -> list[int]:
        """The worker processes."""
        return children(self.process.pid)

    def lines(self) -> list[Line]:
        return read_log(self.log)

    def kill(self) -> None:
        """The server itself, without a word."""
        self.killed = True
        self.process.send_signal(signal.SIGKILL)

    async def vitals(self) -> Vitals:
        begun = time.monotonic()
        await self.get("/health?reset=0")
        answer = time.monotonic() - begun
        inside = await self.get("/fault")
        return held(self.process.pid, answer_s=answer, tasks=inside["tasks"])

    async def aftermath(self) -> dict[str, float | None]:
        return await aftermath(self.vitals, self.before, workers=self.workers)

    async def ready_workers(self) -> int:
        queues = (await self.get("/health?reset=0"))["queues"]
        return int(next(queue["capacity"] for queue in queues if queue["name"] == "worker_pool"))

    async def until_whole(self, gone: set[int]) -> float:
        """Seconds until all workers are ready and none of them is of those that are to be gone."""
        begun = time.monotonic()
        with trio.fail_after(30):
            while gone & set(self.pids()) or await self.ready_workers() != self.workers:  # noqa: ASYNC110  (its doing)
                await trio.sleep(0.01)
        return time.monotonic() - begun


async def until(condition: Callable[[], bool], *, limit: float, period: float = 0.005) -> bool:
    """Whether a condition that another process brings about came true in time."""
    with trio.move_on_after(limit):
        while not condition():  # noqa: ASYNC110  (another process: no Event)
            await trio.sleep(period)
        return True
    return False


def kill_quietly(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
