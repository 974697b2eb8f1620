"""A lab with a fault, for servers that are to end because of it. Imports no test framework: a command is run with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from trio_lab.config import Config


def breaking_down(after: trio.Event | None) -> Any:
    """Stands in for `open_lab`; breaks down when the event comes, or at the start."""

    @asynccontextmanager
    async def open_lab(config: Config, **_: object) -> AsyncIterator[object]:
        async def break_down() -> None:
            if after is not None:
                await after.wait()
            raise ZeroDivisionError("a bug in a pool")

        async with trio.open_nursery() as nursery:
            if after is None:
                await break_down()
            nursery.start_soon(break_down)
            yield object()

    return open_lab
