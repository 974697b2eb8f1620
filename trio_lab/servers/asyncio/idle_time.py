"""The idle time of a connection on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio.task_group import TaskGroup

from ...http import idle_time


class IdleTime(idle_time.IdleTime):
    """As its base."""

    _watching: asyncio.Task[None]

    def __init__(self, seconds: float, terminated: Any, close: Callable[[], Awaitable[None]]) -> None:
        super().__init__(seconds, terminated, close, asyncio.get_running_loop().time)

    def _start(self, tasks: TaskGroup) -> None:
        self._watching = tasks._task_group.create_task(self._watch_and_close())

    def _cancel(self) -> None:
        self._watching.cancel()

    async def _wait(self, until: float) -> bool:
        try:
            async with asyncio.timeout_at(until):
                await self._terminated.wait()
        except TimeoutError:
            return False
        return True

    async def _watch_and_close(self) -> None:
        await self._watch()
        if self._is_idle:
            await asyncio.shield(self._close())
