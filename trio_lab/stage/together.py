"""Two measurements at the same time, so that what else the machine does is done to both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

A = TypeVar("A")
B = TypeVar("B")


async def both(one: Callable[[], Awaitable[A]], other: Callable[[], Awaitable[B]]) -> tuple[A, B]:
    """What both return."""
    found: list[A] = []

    async def keep() -> None:
        found.append(await one())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep)
        second = await other()
    return found[0], second
