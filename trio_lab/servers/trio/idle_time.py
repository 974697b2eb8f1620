"""The idle time of a connection, kept without starting a task for every request.

hypercorn ends the task that closes idle connections when a request comes, and starts another when it was answered, with
a nursery, a lock and two checkpoints each time. On Trio every one of these costs a pass of the run loop, and a pass
costs more than most of what is done in it. Here the task lives as long as its connection, and a request sets a number:
when the idle time will be over.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypercorn.trio.task_group import TaskGroup


class IdleTime:
    """Calls ``close`` when nothing was asked for ``seconds``.

    It stands in for hypercorn's `TrioSingleTask` and has its methods; they never suspend. ``terminated`` is hypercorn's
    event for the end of the server, at which idle connections are closed at once.
    """

    def __init__(self, seconds: float, terminated: Any, close: Callable[[], Awaitable[None]]) -> None:
        self._seconds = seconds
        self._terminated = terminated
        self._close = close
        self._over_at = math.inf  # infinite while a request is in flight
        self._watching: trio.CancelScope | None = None
        self._ended = False

    async def restart(self, task_group: TaskGroup, action: object) -> None:
        """The connection is idle from now on."""
        if self._ended:
            return
        self._over_at = trio.current_time() + self._seconds
        if self._watching is None:
            self._watching = trio.CancelScope()
            task_group.spawn(self._watch, self._watching)

    async def stop(self) -> None:
        """A request has come."""
        self._over_at = math.inf

    def end(self) -> None:
        """The connection is not read any more: a reply that is still on its way must not make it idle again.

        Without this a connection would be kept for its idle time though its client has long gone.
        """
        self._ended = True
        self._over_at = math.inf
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self, scope: trio.CancelScope) -> None:
        with scope:
            while (now := trio.current_time()) < self._over_at:
                # At most one idle time: requests move the end while this sleeps, and do not wake it.
                with trio.move_on_at(min(self._over_at, now + self._seconds)):
                    await self._terminated.wait()
                    break
            if self._over_at < math.inf:  # else a reply is on its way, and closes the connection when it ends
                with trio.CancelScope(shield=True):
                    await self._close()
