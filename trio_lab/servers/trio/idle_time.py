"""The idle time of a connection on Trio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypercorn.trio.task_group import TaskGroup

from ...http import idle_time


class IdleTime(idle_time.IdleTime):
    """As its base."""

    _watching: trio.CancelScope

    def __init__(self, seconds: float, terminated: Any, close: Callable[[], Awaitable[None]]) -> None:
        super().__init__(seconds, terminated, close, trio.current_time)

    def _start(self, tasks: TaskGroup) -> None:
        self._watching = trio.CancelScope()
        tasks.spawn(self._watch_and_close)

    def _cancel(self) -> None:
        self._watching.cancel()

    async def _wait(self, until: float) -> bool:
        with trio.move_on_at(until):
            await self._terminated.wait()
            return True
        return False

    async def _watch_and_close(self) -> None:
        with self._watching:
            await self._watch()
            if self._is_idle:
                with trio.CancelScope(shield=True):
                    await self._close()
