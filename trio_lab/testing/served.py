"""A service for a rehearsal: it takes a given time, can be slow or dead, and notices that callers leave, or does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from random import Random

import outcome
import trio

from ..simulate.times import Times, times_of


class Service:
    """``await service()`` takes so long: a number of seconds, or `Times` to be drawn at random.

    It serves any number at once; put a bulkhead before it to bound that. ``slowness`` can be changed at any time, for what
    begins from then on: 1 is normal, 3 takes three times as long, infinity is dead and never answers.
    """

    def __init__(self, takes: Times | float, *, seed: int = 1) -> None:
        self._draw = times_of(takes).draw(Random(seed))
        self.slowness = 1.0
        self.running = 0
        """Calls that are being served."""

    async def __call__(self) -> None:
        self.running += 1
        try:
            if self.slowness == inf:
                await trio.sleep_forever()
            await trio.sleep(self._draw() * self.slowness)
        finally:
            self.running -= 1


class Unnoticed:
    """A server that does not notice that its callers leave: what it has begun for them goes on to the end. ``await
    unnoticed()`` calls ``handle`` in a task of ``nursery``, and waits for the end of it."""

    def __init__(self, nursery: trio.Nursery, handle: Callable[[], Awaitable[object]]) -> None:
        self._nursery = nursery
        self._handle = handle

    async def __call__(self) -> None:
        ends: list[outcome.Outcome[object]] = []
        ended = trio.Event()

        async def run() -> None:
            try:
                ends.append(outcome.Value(await self._handle()))
            except Exception as error:  # for the caller, if it is still there
                ends.append(outcome.Error(error))
            ended.set()

        self._nursery.start_soon(run)
        await ended.wait()
        ends[0].unwrap()
