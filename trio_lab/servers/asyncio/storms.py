"""`/tick-storm` on asyncio: the same number of ticks, offered to the loop in six ways.

A coroutine lets other tasks run only when a Future that is not done reaches the loop. Many an ``await`` never gets there:

===========  ================  ===================================================================
mode         lets others run   what it is
===========  ================  ===================================================================
none         no                awaiting a coroutine that never suspends
queue_get    no                `Queue.get` of a queue that is not empty
done_future  no                awaiting a Future that is done
call_soon    yes               a callback that queues the next: each is a pass of its own
sleep0       yes               ``sleep(0)``, the way to let others run
batch        each tick         many tasks that are ready at once: no step is long, the pass is
===========  ================  ===================================================================
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter

from ..ticks import LongestPass, Tick, no_suspension, repeat, shares


async def storm(mode: str, count: int) -> float:
    """Run ``count`` ticks; returns the longest uninterrupted step in seconds, of a batch the longest pass."""
    return await _STORMS[mode](count)


async def _none(count: int) -> float:
    return await _one_step(no_suspension, count)


async def _queue_get(count: int) -> float:
    queue: asyncio.Queue[None] = asyncio.Queue()

    async def put_and_get() -> None:
        queue.put_nowait(None)
        await queue.get()

    return await _one_step(put_and_get, count)


async def _done_future(count: int) -> float:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)

    async def wait() -> None:
        await done

    return await _one_step(wait, count)


async def _one_step(tick: Tick, count: int) -> float:
    """Ticks that never reach the loop are one step, all together."""
    begun = perf_counter()
    await repeat(tick, count)
    return perf_counter() - begun


async def _sleep0(count: int) -> float:
    longest, resumed = 0.0, perf_counter()
    for _ in range(count):
        longest = max(longest, perf_counter() - resumed)
        await asyncio.sleep(0)
        resumed = perf_counter()
    return longest


async def _call_soon(count: int) -> float:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    longest, left = 0.0, count

    def tick() -> None:
        nonlocal longest, left
        begun = perf_counter()
        left -= 1
        if left > 0 and not done.done():  # it is done too early when the client has left
            loop.call_soon(tick)
        elif not done.done():
            done.set_result(None)
        longest = max(longest, perf_counter() - begun)

    loop.call_soon(tick)
    await done
    return longest


async def _batch(count: int) -> float:
    turn, longest = partial(asyncio.sleep, 0), LongestPass()
    async with asyncio.TaskGroup() as watching:
        watcher = watching.create_task(longest.watch(turn))
        async with asyncio.TaskGroup() as running:
            for ticks in shares(count):
                running.create_task(repeat(turn, ticks))
        watcher.cancel()
    return longest.seconds


_STORMS: dict[str, Callable[[int], Awaitable[float]]] = {
    "none": _none,
    "queue_get": _queue_get,
    "done_future": _done_future,
    "call_soon": _call_soon,
    "sleep0": _sleep0,
    "batch": _batch,
}
