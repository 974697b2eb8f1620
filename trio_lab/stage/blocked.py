"""Asyncio programs that block their loop when they are asked to (`subjects.blocked`), and the traffic beside it: 50 requests a
second, each on a connection of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import NoReturn

import trio

from ..load.client import fetch
from ..loop.stalls import Stall
from ..records.codec import decode
from ..subjects.planted import Block
from .server import Server

_EVERY = 0.02  # seconds between two requests of the traffic
_SIGNALS = 27.0  # per second
_REST = (0.05, 0.15)  # seconds between two blocks
_TIMEOUT = 30.0


async def carry_out(server: Server, blocks: int, name: str = "next") -> list[Block]:
    """Let it block so many times; all the blocks that it has made so far."""
    random = Random(1)
    for _ in range(blocks):
        await trio.sleep(random.uniform(*_REST))
        await fetch(f"{server.url}/block/{name}", timeout=_TIMEOUT)
    await trio.sleep(_REST[1])  # the last pass has ended
    return decode(list[Block], (await fetch(f"{server.url}/done", timeout=_TIMEOUT)).body)


async def told(server: Server, *, since: int = 0) -> list[Stall]:
    """What its watch has told so far, without the first ``since``: a start may block too, with imports."""
    return decode(list[Stall], (await fetch(f"{server.url}/told", timeout=_TIMEOUT)).body)[since:]


async def told_while_quiet(server: Server, seconds: float, *, signals: bool = False) -> list[Stall]:
    """What its watch tells while nothing is done to it; with ``signals`` it gets 27 a second."""
    before = len(await told(server))
    end = trio.current_time() + seconds
    while signals and trio.current_time() < end:
        os.kill(server.pid, signal.SIGUSR1)
        await trio.sleep(1 / _SIGNALS)
    await trio.sleep_until(end)
    return await told(server, since=before)


@asynccontextmanager
async def traffic(server: Server) -> AsyncIterator[None]:
    async def ask() -> NoReturn:
        while True:
            await fetch(f"{server.url}/nothing", timeout=_TIMEOUT)
            await trio.sleep(_EVERY)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        yield
        nursery.cancel_scope.cancel()
