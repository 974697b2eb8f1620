"""The idle time of a connection, kept without starting a task for every request.

hypercorn ends the task that closes idle connections when a request comes, and starts another when it was answered: on Trio
with a nursery, a lock and two checkpoints, on asyncio with an exception, a second task, a timer and two passes of the loop.
Here the task lives as long as its connection, and a request sets a number: when the idle time will be over.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any


class IdleTime(ABC):
    """Calls ``close`` when nothing was asked for ``seconds``. Each event loop has a subclass.

    It stands in for hypercorn's single task and has its methods; they never suspend. ``terminated`` is hypercorn's event for
    the end of the server, at which idle connections are closed at once. ``now`` is the loop's clock.
    """

    def __init__(
        self, seconds: float, terminated: Any, close: Callable[[], Awaitable[None]], now: Callable[[], float]
    ) -> None:
        self._seconds = seconds
        self._terminated = terminated
        self._close = close
        self._now = now
        self._over_at = math.inf  # infinite while a request is in flight
        self._is_watched = self._ended = False

    async def restart(self, tasks: Any, _: object) -> None:
        """The connection is idle from now on. ``tasks`` is the group of its tasks."""
        if self._ended:
            return
        self._over_at = self._now() + self._seconds
        if not self._is_watched:
            self._is_watched = True
            self._start(tasks)

    async def stop(self) -> None:
        """A request has come."""
        self._over_at = math.inf

    def end(self) -> None:
        """The connection is not read any more: a reply that is still on its way must not make it idle again.

        Without this a connection would be kept for its idle time though its client has long gone.
        """
        self._ended = True
        self._over_at = math.inf
        if self._is_watched:
            self._cancel()

    @abstractmethod
    def _start(self, tasks: Any) -> None:
        """Start the task that runs `_watch`."""

    @abstractmethod
    def _cancel(self) -> None:
        """End that task, unless it closes the connection already."""

    @abstractmethod
    async def _wait(self, until: float) -> bool:
        """Wait for the end of the server, but no longer; whether it has come."""

    async def _watch(self) -> None:
        """Returns when the connection is to be closed, if it is idle then. Else a reply is on its way, and closes it."""
        while (now := self._now()) < self._over_at:
            # At most one idle time: requests move the end while this sleeps, and do not wake it.
            if await self._wait(min(self._over_at, now + self._seconds)):
                self._is_watched = self._is_idle  # if it is idle later, a new watch closes it
                return

    @property
    def _is_idle(self) -> bool:
        return self._over_at < math.inf
