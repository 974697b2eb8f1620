"""How late the loop is, for a limit that follows it.

Every pass is measured, as for `/health`. A request looks at the figure twice a second; no task runs for it.
"""

from __future__ import annotations

from ..admission.limits.late_loop import LateLoop
from ..loop.eyes import Passes
from ..loop.loop_time import PassWindow
from ..preconditions import running_loop

_PERIOD = 0.5  # seconds between two looks: enough passes for a percentile, and soon enough for an overload


class LoopDelay:
    """Tells ``limit`` of the delays of the loop that runs now, until it is closed."""

    def __init__(self, limit: LateLoop) -> None:
        self._limit = limit
        self._passes = _passes()
        self._passes.install()
        self._window = PassWindow(self._passes)
        self._next = 0.0

    def look(self, now: float) -> None:
        if now >= self._next:
            self._next = now + _PERIOD
            delay = self._window.read(reset=True).delay_p99
            if delay is not None:
                self._limit.on_delay(delay)

    def close(self) -> None:
        self._passes.remove()


def _passes() -> Passes:
    if running_loop() == "Trio":
        from ..loop.passes import PassMonitor  # a program on asyncio starts without Trio

        return PassMonitor()
    import asyncio

    from ..loop.asyncio_loop import passes_of

    return passes_of(asyncio.get_running_loop())
