"""What one task's error does to its siblings: the three tasks, and what became of them. Nothing here knows an event loop.

One raises after 50 ms, when the two others still have 100 ms to go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from .answers import Outcome

_RAISE_AFTER = 0.05
_REST = 0.1  # what a sibling still has to do when the error comes
_LOOK = 0.01  # seconds between two looks at siblings that go on after their parent


class Event(Protocol):
    """What the events of both loops have."""

    def set(self) -> None: ...
    async def wait(self) -> object: ...


class Family:
    """One task that fails and two that do not. ``failed`` and ``sleep`` are those of the event loop."""

    def __init__(self, failed: Event, sleep: Callable[[float], Awaitable[object]]) -> None:
        self.failed = failed
        self._sleep = sleep
        self._ended = self._completed = 0

    async def failing(self) -> None:
        await self._sleep(_RAISE_AFTER)
        self.failed.set()
        raise ValueError("one of three")

    async def sibling(self) -> None:
        try:
            await self.failed.wait()
            await self._sleep(_REST)
        except BaseException:
            self._ended += 1
            raise
        self._completed += 1

    async def outcome(self, name: str, construct: Callable[[Family], Awaitable[None]]) -> Outcome:
        """Start the three with ``construct``."""
        reached = False
        try:
            await construct(self)
        except* ValueError:
            reached = True
        waited = self._over()
        while not self._over():
            await self._sleep(_LOOK)
        return Outcome(
            construct=name,
            siblings_ended=self._ended,
            siblings_completed_after_error=self._completed,
            parent_waited=waited,
            error_reached_parent=reached,
        )

    def _over(self) -> bool:
        return self._ended + self._completed == 2
