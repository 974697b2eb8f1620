"""One timer for many deadlines. Setting it costs a comparison; a cancel scope for each job would cost a microsecond."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio


class Alarm:
    """Calls ``ring(now)`` at the time that was set last (the run's clock), once; ``ring`` may set the next."""

    def __init__(self, ring: Callable[[float], None]) -> None:
        self._ring = ring
        self._due = math.inf
        self._scope: trio.CancelScope | None = None

    def at(self, when: float) -> None:
        self._due = when
        if self._scope is not None:
            self._scope.deadline = when

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        while True:
            with trio.CancelScope(deadline=self._due) as self._scope:
                await trio.sleep_forever()
            self._due = math.inf
            self._ring(trio.current_time())
