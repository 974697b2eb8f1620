"""Calls at a steady rate, each remembered: an open workload small enough to ask what became of every single one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from ..load.client import Reply
from ..measure.percentile import percentile


@dataclass(frozen=True, slots=True)
class Shot:
    """One call: ``status`` 0 when no whole reply came. Seconds, ``begun`` by the monotonic clock."""

    number: int
    begun: float
    took: float
    status: int


Fire = Callable[[int], Awaitable[Reply]]


async def volley(fire: Fire, *, rate: float, seconds: float, first: int = 1) -> list[Shot]:
    """Calls number ``first`` and following, when each is due, whatever becomes of the earlier ones."""
    shots: list[Shot] = []
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        for n in range(max(1, int(rate * seconds))):
            await trio.sleep_until(begun + n / rate)
            nursery.start_soon(_shoot, fire, first + n, shots)
    return shots


async def _shoot(fire: Fire, number: int, shots: list[Shot]) -> None:
    begun = time.monotonic()
    try:
        status = (await fire(number)).status
    except (OSError, trio.TooSlowError):
        status = 0
    shots.append(Shot(number, begun, time.monotonic() - begun, status))


async def capacity(fire: Fire, *, callers: int, seconds: float) -> float:
    """Good replies per second when callers ask again as soon as they were answered. Numbers are from 1 000 000 on."""
    good, numbers = 0, iter(range(1_000_000, 2_000_000))
    end = trio.current_time() + seconds

    async def ask() -> None:
        nonlocal good
        while trio.current_time() < end:
            reply = await fire(next(numbers))
            good += reply.status == 200 and trio.current_time() <= end

    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(ask)
    return good / seconds


def p99(shots: list[Shot]) -> float:
    """Of those that were answered well, in seconds; of all when none was."""
    took = [shot.took for shot in shots if shot.status == 200] or [shot.took for shot in shots]
    return percentile(took, 0.99)
