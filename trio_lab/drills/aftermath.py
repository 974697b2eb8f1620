"""What a fault left behind: descriptors, tasks, children and zombies, compared with what was there before."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from ..measure.process import children, open_descriptors
from ..pools.workers import WorkerPool, open_worker_pool
from ..work import echo

_SETTLE = 8.0  # seconds that dust may take to settle: sockets that close, workers that start
_CALM = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What a process holds. ``answer_s``: how long it took to answer a harmless question."""

    answer_s: float
    fds: int
    tasks: int
    children: int
    zombies: int


def held(pid: int, *, answer_s: float, tasks: int) -> Vitals:
    """The vitals of a process whose tasks and answer are known."""
    family = children(pid)
    return Vitals(
        answer_s=answer_s,
        fds=open_descriptors(pid) or 0,
        tasks=tasks,
        children=len(family),
        zombies=sum(is_zombie(child) for child in family),
    )


def is_zombie(pid: int) -> bool:
    return _state(pid) == "Z"


def lives(pid: int) -> bool:
    return _state(pid) not in ("Z", "")


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


async def settled(look: Callable[[], Awaitable[Vitals]]) -> Vitals:
    """Vitals that are the same twice in a row, but for the time the answer took."""
    last = await look()
    with trio.move_on_after(_SETTLE):
        while True:
            await trio.sleep(_CALM)
            now = await look()
            if (now.fds, now.tasks, now.children) == (last.fds, last.tasks, last.children):
                return now
            last = now
    return last


async def aftermath(look: Callable[[], Awaitable[Vitals]], before: Vitals, *, workers: int) -> dict[str, float | None]:
    """The figures that `model.AFTERMATH` judges. The first answer counts; for the rest there is time to settle."""
    first = await look()
    after = await settled(look)
    with trio.move_on_after(_SETTLE):
        while after.children != workers or abs(after.fds - before.fds) > 5 or abs(after.tasks - before.tasks) > 5:
            await trio.sleep(_CALM)
            after = await look()
    return {
        "after_answer_s": max(first.answer_s, after.answer_s),
        "after_fds": abs(after.fds - before.fds),
        "after_tasks": abs(after.tasks - before.tasks),
        "after_children": abs(after.children - workers),
        "after_zombies": after.zombies,
    }


@asynccontextmanager
async def watched_pool(figures: dict[str, Any], *, size: int = 2, **options: Any) -> AsyncIterator[WorkerPool]:
    """A worker pool of this process; at the end of the block what is left behind goes to ``figures``."""
    async with open_worker_pool(size=size, **options) as pool:

        async def look() -> Vitals:
            begun = time.monotonic()
            with trio.move_on_after(5):
                await pool.run(echo, 1)
            answer = time.monotonic() - begun
            return held(os.getpid(), answer_s=answer, tasks=trio.lowlevel.current_statistics().tasks_living)

        with trio.fail_after(30):
            await pool.wait_ready()
        before = await settled(look)
        yield pool
        figures |= await aftermath(look, before, workers=size)
