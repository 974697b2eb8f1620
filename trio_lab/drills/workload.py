"""Two small workloads in which every single call is remembered, so that one can ask afterwards what became of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from ..load.client import Reply
from ..measure.percentile import percentile

Send = Callable[[int], Awaitable[Reply]]
"""Makes the call of this number."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: ``status`` 0 when no whole reply came. Seconds, ``begun`` by the monotonic clock."""

    number: int
    begun: float
    took: float
    status: int


async def open_workload(send: Send, *, rate: float, seconds: float, first: int = 1) -> list[Call]:
    """Calls number ``first`` and following, each when it is due, whatever becomes of the earlier ones."""
    calls: list[Call] = []
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        for n in range(max(1, int(rate * seconds))):
            await trio.sleep_until(begun + n / rate)
            nursery.start_soon(_call, send, first + n, calls)
    return calls


async def _call(send: Send, number: int, calls: list[Call]) -> None:
    begun = time.monotonic()
    try:
        status = (await send(number)).status
    except (OSError, trio.TooSlowError):
        status = 0
    calls.append(Call(number, begun, time.monotonic() - begun, status))


async def capacity(send: Send, *, callers: int, seconds: float) -> float:
    """Good replies per second of a closed workload: each caller calls again as soon as it was answered.

    Calls are numbered from 1 000 000 on.
    """
    good, numbers = 0, iter(range(1_000_000, 2_000_000))
    end = trio.current_time() + seconds

    async def ask() -> None:
        nonlocal good
        while trio.current_time() < end:
            reply = await send(next(numbers))
            good += reply.status == 200 and trio.current_time() <= end

    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(ask)
    return good / seconds


def p99(calls: Sequence[Call]) -> float:
    """In seconds, of those that were answered well; of all when none was."""
    return percentile([call.took for call in calls if call.status == 200] or [call.took for call in calls], 0.99)
