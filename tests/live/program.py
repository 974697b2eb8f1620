"""A program that is seen live and blocks its loop when it is told to: ``python -m tests.live.program trio``, or asyncio.

It prints its address, and reads from standard input what to do: ``python``, ``c`` or ``sleep``, and for how many seconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

import trio

from trio_lab.live.open_live import open_live
from trio_lab.loop.observe import WORKING_ON, observe


def compute(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def hold_gil(_: float) -> None:
    """For ever."""
    pow(3, 10**9)


def wait(seconds: float) -> None:
    time.sleep(seconds)


KINDS: dict[str, Callable[[float], None]] = {"python": compute, "c": hold_gil, "sleep": wait}


async def obey(line: str) -> None:
    kind, seconds = line.split()
    WORKING_ON.set(f"GET /{kind}")
    KINDS[kind](float(seconds))


async def on_trio() -> None:
    async with observe() as watch, open_live(watch, port=0) as live:
        print(live.url, flush=True)
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            await obey(line)


async def on_asyncio() -> None:
    async with observe() as watch, open_live(watch, port=0) as live:
        print(live.url, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await asyncio.create_task(obey(line), name="obeying")


if __name__ == "__main__":
    trio.run(on_trio) if sys.argv[1] == "trio" else asyncio.run(on_asyncio())
