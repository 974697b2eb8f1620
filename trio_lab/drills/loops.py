"""The little that drills of the watch need of a loop, the same on Trio, asyncio and uvloop: to run, to sleep, traffic, and what
is left behind at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from math import ceil
from typing import NoReturn, TypeVar

import trio

from .aftermath import Vitals, aftermath_of, held_here, remembered
from .watched import CONNECTIONS, WORK, traffic

T = TypeVar("T")

_SETTLE, _CALM = 8.0, 0.3  # seconds
_TRIED = 0.5
_PAUSE = 0.005  # seconds, the shortest: uvloop sleeps whole milliseconds


def run_on(loop: str, call: Callable[..., Awaitable[T]], *args: object) -> T:
    """What the call returns on a loop of its own."""
    if loop == "trio":
        return trio.run(call, *args)
    factory = import_module("uvloop").new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(call(*args))  # type: ignore[arg-type]


async def sleep(seconds: float) -> None:
    """On the loop that runs."""
    if trio.lowlevel.in_trio_run():
        await trio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


async def until_on(condition: Callable[[], bool], *, limit: float) -> float | None:
    """Seconds until ``condition`` holds; None when it does not within ``limit`` seconds. As `stage.until`, on any loop."""
    began = time.monotonic()
    while time.monotonic() - began < limit:
        if condition():
            return time.monotonic() - began
        await sleep(0.01)
    return None


def remembered_on(figures: dict[str, float | None]) -> AbstractAsyncContextManager[None]:
    """As `aftermath.remembered`, on the loop that runs."""
    return remembered(figures) if trio.lowlevel.in_trio_run() else _remembered(figures)


@asynccontextmanager
async def _remembered(figures: dict[str, float | None]) -> AsyncIterator[None]:
    before = await _settled()
    yield
    first = await _vitals()
    await until_on(lambda: len(asyncio.all_tasks()) <= before.tasks, limit=_SETTLE)
    figures |= aftermath_of(before, first, await _settled(), workers=0)


async def _settled() -> Vitals:
    await asyncio.sleep(_CALM)
    return await _vitals()


async def _vitals() -> Vitals:
    began = time.monotonic()
    await asyncio.sleep(0)
    return held_here(time.monotonic() - began, tasks=len(asyncio.all_tasks()))


def traffic_on() -> AbstractAsyncContextManager[object]:
    """As `watched.traffic`, on the loop that runs."""
    return traffic() if trio.lowlevel.in_trio_run() else _traffic()


@asynccontextmanager
async def _traffic() -> AsyncIterator[None]:
    done, at_once, pause = 0, 1, 0.0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            sum(WORK)
            writer.write(b"reply\n")
        writer.close()

    async def ask(port: int) -> NoReturn:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                for _ in range(at_once):
                    writer.write(b"question\n")
                    await reader.readline()
                    done += 1
                await asyncio.sleep(pause)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        clients = [asyncio.create_task(ask(port)) for _ in range(CONNECTIONS)]
        await asyncio.sleep(_TRIED)
        each = CONNECTIONS * _TRIED / done  # as long again as all of them need together
        at_once = ceil(_PAUSE / each)
        pause = at_once * each
        yield
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
