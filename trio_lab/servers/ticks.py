"""What the storms of both loops share. A tick is awaited again and again, by one task or by a batch of many at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import NoReturn

Tick = Callable[[], Awaitable[None]]

_TASKS = 1_000  # ready at once


def shares(count: int) -> list[int]:
    """The ticks of each task, as even as can be."""
    tasks = min(count, _TASKS)
    ticks, more = divmod(count, tasks)
    return [ticks + (n < more) for n in range(tasks)]


async def no_suspension() -> None:
    """A tick at which no other task gets its turn."""


async def repeat(tick: Tick, count: int) -> None:
    for _ in range(count):
        await tick()


class LongestPass:
    """The longest *pass* in ``seconds``: the steps of a batch are tiny, and a pass is what delays other tasks."""

    seconds = 0.0

    async def watch(self, tick: Tick) -> NoReturn:
        last = perf_counter()
        while True:
            await tick()
            now = perf_counter()
            self.seconds, last = max(self.seconds, now - last), now
