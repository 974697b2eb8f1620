"""How long a storm goes on, counted so that a stall of the machine is not taken for the storm's own time.

A storm is a tick again and again. If the machine takes the process off its core for a quarter of a second, no heartbeat
could beat in it either, and the storm would seem to let nothing else run. So a tick counts for at most 20 ms.
"""

from __future__ import annotations

from time import perf_counter

_MOST_PER_TICK = 0.02


class Spell:
    """``over()`` is asked after every tick, and true once the ticks have taken ``seconds`` together."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._last = perf_counter()

    def over(self) -> bool:
        now = perf_counter()
        self._left -= min(now - self._last, _MOST_PER_TICK)
        self._last = now
        return self._left <= 0
