"""Every await of one runtime asked the same two questions: does it let others run, and does it let a cancel in?

Nothing here knows an event loop: the storms and the two measurements come from the program for each.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from .answers import Await, Matrix
from .families import Event
from .spell import Spell
from .telling import columns, number, tell

BEAT = 0.01  # seconds between two beats of the heart beside a storm
CANCEL_AFTER = 0.05
TASKS = 500  # of a batch

Tick = Callable[[], Awaitable[object]]
Storm = Callable[[float], Awaitable[None]]
"""One await again and again, for so many seconds."""


async def repeat(tick: Tick, seconds: float) -> None:
    spell = Spell(seconds)
    while not spell.over():
        await tick()


async def never_suspends() -> None:
    pass


async def free_lock(lock: Callable[[], AbstractAsyncContextManager[object]], seconds: float) -> None:
    one = lock()

    async def tick() -> None:
        async with one:
            pass

    await repeat(tick, seconds)


async def event_set(event: Callable[[], Event], seconds: float) -> None:
    one = event()
    one.set()
    await repeat(one.wait, seconds)


async def asked(
    runtime: str,
    storms: Mapping[str, Storm],
    *,
    beats_beside: Callable[[Storm, float], Awaitable[int]],
    ends_when_cancelled: Callable[[Storm, float], Awaitable[bool]],
) -> None:
    """Print what is found of every storm in a quarter of a second, or in as long as ``--ms`` says."""
    seconds = number("--ms", 250) / 1e3
    rows = []
    for what, storm in storms.items():
        beats = await beats_beside(storm, seconds)
        cancelled = await ends_when_cancelled(storm, seconds)
        rows.append(Await(what=what, beats=beats, schedules=beats > 0, cancelled=cancelled))
    tell(Matrix(runtime=runtime, rows=tuple(rows)), columns(rows))
