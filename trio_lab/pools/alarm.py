"""One timer for many deadlines. Setting it costs a comparison; a cancel scope for each job would cost a microsecond.

Each ring costs a pass of the loop. So where thousands of deadlines lie close together, each its own, those that come
within 10 ms after a ring are served by the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

_PAUSE = 0.01  # seconds from one ring to the next, at least


class Alarm:
    """Calls ``ring(now)`` once, at the time that was set last (the run's clock) or `_PAUSE` after the last ring; ``ring``
    may set the next."""

    def __init__(self, ring: Callable[[float], None]) -> None:
        self._ring = ring
        self._due = math.inf
        self._rang = -math.inf
        self._scope: trio.CancelScope | None = None

    def at(self, when: float) -> None:
        self._due = max(when, self._rang + _PAUSE)
        if self._scope is not None:
            self._scope.deadline = self._due

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        while True:
            with trio.CancelScope(deadline=self._due) as self._scope:
                await trio.sleep_forever()
            self._due = math.inf
            self._rang = trio.current_time()
            self._ring(self._rang)
