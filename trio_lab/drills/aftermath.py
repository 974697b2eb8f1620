"""What a fault left behind: descriptors, tasks, children and zombies, compared with what was there before."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import trio

from ..measure.process import children, is_zombie, open_descriptors
from ..pools.workers import WorkerPool
from ..stage.until import until
from ..work import echo

_SETTLE = 8.0  # seconds that sockets may take to close and workers to start
_CALM = 0.3
_SLACK = 5  # descriptors, or tasks, more or fewer than before


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What a process holds. ``answer_s``: how long it took to answer a harmless question."""

    answer_s: float
    fds: int
    tasks: int
    children: int
    zombies: int


Look = Callable[[], Awaitable[Vitals]]


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


async def own_vitals() -> Vitals:
    """Of this process; the answer is one turn of its loop."""
    began = time.monotonic()
    await trio.lowlevel.checkpoint()
    return here(time.monotonic() - began)


def here(answer_s: float) -> Vitals:
    return held_here(answer_s, tasks=trio.lowlevel.current_statistics().tasks_living)


def held_here(answer_s: float, *, tasks: int) -> Vitals:
    return held(os.getpid(), answer_s=answer_s, tasks=tasks)


async def settled(look: Look) -> Vitals:
    """Vitals that are the same twice in a row, but for the time the answer took."""
    last = await look()

    async def unchanged() -> bool:
        nonlocal last
        await trio.sleep(_CALM)
        before, last = last, await look()
        return (last.fds, last.tasks, last.children) == (before.fds, before.tasks, before.children)

    await until(unchanged, limit=_SETTLE, period=0)
    return last


async def aftermath(look: Look, before: Vitals, *, workers: int) -> dict[str, float | None]:
    """The figures that `model.AFTERMATH` judges. The first answer counts; for the rest there is time to settle."""
    first = await look()
    after = await settled(look)

    async def as_before() -> bool:
        nonlocal after
        near = abs(after.fds - before.fds) <= _SLACK and abs(after.tasks - before.tasks) <= _SLACK
        if after.children == workers and near:
            return True
        await trio.sleep(_CALM)
        after = await look()
        return False

    await until(as_before, limit=_SETTLE, period=0)
    return aftermath_of(before, first, after, workers=workers)


def aftermath_of(before: Vitals, first: Vitals, after: Vitals, *, workers: int) -> dict[str, float | None]:
    """The same of vitals that are known: from before, of the first answer, and of the last."""
    return {
        "after_answer_s": max(first.answer_s, after.answer_s),
        "after_fds": abs(after.fds - before.fds),
        "after_tasks": abs(after.tasks - before.tasks),
        "after_children": abs(after.children - workers),
        "after_zombies": after.zombies,
    }


@asynccontextmanager
async def remembered(
    figures: dict[str, float | None], look: Look = own_vitals, *, workers: int = 0
) -> AsyncIterator[None]:
    """What the block leaves behind goes to ``figures``."""
    before = await settled(look)
    yield
    figures |= await aftermath(look, before, workers=workers)


@asynccontextmanager
async def watched_pool(
    opening: AbstractAsyncContextManager[WorkerPool], figures: dict[str, float | None]
) -> AsyncIterator[WorkerPool]:
    """A pool of two workers of this process; at the end of the block what is left behind goes to ``figures``."""
    async with opening as pool:

        async def look() -> Vitals:
            begun = time.monotonic()
            with trio.move_on_after(5):
                await pool.run(echo, 1)
            return here(time.monotonic() - begun)

        with trio.fail_after(30):
            await pool.wait_ready()
        async with remembered(figures, look, workers=2):
            yield pool


async def good_job(pool: WorkerPool) -> bool:
    """Whether a job that does nothing wrong gets its answer."""
    try:
        return bool(await pool.run(echo, "good") == "good")
    except Exception:  # the figures count it
        return False
