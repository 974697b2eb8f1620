"""What single parts of the watch cost on a loop that does nothing else: seconds of CPU time, with them less without them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from importlib import import_module
from statistics import median
from time import thread_time

import trio

from ...loop.asyncio_eyes import AsyncioEyes
from ...loop.eyes import Eyes
from ...loop.trio_eyes import TrioEyes
from ...loop.watchdog import Watchdog

_TURNS = 15
_AT_ONCE = 500  # callbacks in a pass
_TASKS = 10_000


def on_loop(loop: str, part: str, count: int) -> float:
    """``part`` is passes, steps or look; so many of them in all."""
    if loop == "trio":
        return trio.run(_PARTS[part], count)
    factory = import_module("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_PARTS[part](count))  # type: ignore[arg-type]


def _eyes() -> Eyes:
    return TrioEyes() if trio.lowlevel.in_trio_run() else AsyncioEyes()


async def _pass() -> None:
    if trio.lowlevel.in_trio_run():
        await trio.lowlevel.cancel_shielded_checkpoint()
    else:
        await asyncio.sleep(0)


async def _extra(run: Callable[[], Awaitable[int]], put_in: Callable[[], None], take_out: Callable[[], None]) -> float:
    """The median of pairs of turns, each of which returns how many of what is measured it made."""
    found = []
    for _ in range(_TURNS):
        spent = []
        for change in (take_out, put_in):
            change()
            await _pass()
            before = thread_time()
            made = await run()
            spent.append((thread_time() - before) / made)
        found.append(spent[1] - spent[0])
    take_out()
    return median(found)


async def _passes(count: int) -> float:
    eyes, turn = _eyes(), count // _TURNS

    async def run() -> int:
        for _ in range(turn):
            await _pass()
        return turn

    return await _extra(run, eyes.passes.install, eyes.passes.remove)


async def _steps(count: int) -> float:
    eyes, passes = _eyes(), max(1, count // _TURNS // _AT_ONCE)
    eyes.passes.install()

    async def run() -> int:
        for _ in range(passes):
            if trio.lowlevel.in_trio_run():
                async with trio.open_nursery() as nursery:
                    for _ in range(_AT_ONCE):
                        nursery.start_soon(_nothing)
            else:
                loop = asyncio.get_running_loop()
                for _ in range(_AT_ONCE):
                    loop.call_soon(int)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        return passes * _AT_ONCE

    found = await _extra(run, lambda: eyes.measure_steps(True), lambda: eyes.measure_steps(False))
    eyes.passes.remove()
    return found


async def _nothing() -> None:
    pass


async def _look(count: int) -> float:
    """One look of the watchdog, with so many tasks in the run. It is made by the loop's thread, which it looks at."""
    with ExitStack() as undo:
        if trio.lowlevel.in_trio_run():
            async with trio.open_nursery() as nursery:
                for _ in range(_TASKS):
                    nursery.start_soon(trio.sleep_forever)
                await trio.lowlevel.checkpoint()
                found = _looked(count, undo)
                nursery.cancel_scope.cancel()
                return found
        tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(_TASKS)]
        await asyncio.sleep(0)
        found = _looked(count, undo)
        for task in tasks:
            task.cancel()
        return found


def _looked(count: int, undo: ExitStack) -> float:
    eyes = _eyes()
    eyes.passes.install()
    undo.callback(eyes.passes.remove)
    watchdog = Watchdog(eyes, budget=1e-9)
    undo.callback(watchdog.stop)
    gc.collect()
    before = thread_time()
    for _ in range(count):
        watchdog._look()
    return (thread_time() - before) / count


_PARTS: dict[str, Callable[[int], Awaitable[float]]] = {"passes": _passes, "steps": _steps, "look": _look}
