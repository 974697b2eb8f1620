"""One timer for many deadlines. Setting it costs a comparison; a cancel scope for each job would cost a microsecond."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio


class Alarm:
    """Rings at the earliest time that was asked for. ``ring(now)`` handles what is due and returns the next time."""

    def __init__(self, ring: Callable[[float], float]) -> None:
        self._ring = ring
        self.due = math.inf
        """When it rings next. Hot paths compare before they call `at`."""
        self._scope: trio.CancelScope | None = None

    def at(self, when: float) -> None:
        """Ring at ``when`` (the run's clock) or before. It may ring early and for nothing: what it was set for may be over."""
        if when < self.due:
            self.due = when
            if self._scope is not None:
                self._scope.deadline = when

    async def run(self) -> None:
        while True:
            with trio.CancelScope(deadline=self.due) as self._scope:
                await trio.sleep_forever()
            self.due = math.inf
            self.at(self._ring(trio.current_time()))
