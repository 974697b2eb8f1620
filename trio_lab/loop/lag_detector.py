"""A common lag detector: sleep for a second, and warn when the wake comes late.

It is the baseline that `observe` is measured against, and is not recommended. It notices a block only when its own wake
falls into one, so of blocks of a tenth of a second it notices about one in ten. It reports what was left of the block at
the wake, not how long the block was, and it cannot tell which task blocked. A block shorter than the threshold is never
seen, however often it comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

# The articles' choices. Seconds between two wakes, and seconds that a wake may be late.
INTERVAL = 1.0
WARN_OVER = 0.05


@dataclass(frozen=True, slots=True)
class Warned:
    """A wake that was late: its time on Trio's clock and its delay, in seconds."""

    at: float
    lag: float


class LagDetector:
    """Opened with `open_lag_detector`. ``warnings`` has all so far, the oldest first."""

    def __init__(self, *, interval: float = INTERVAL, warn_over: float = WARN_OVER) -> None:
        self._interval = interval
        self._warn_over = warn_over
        self.warnings: list[Warned] = []

    async def run(self) -> None:
        while True:
            due = trio.current_time() + self._interval
            await trio.sleep_until(due)
            lag = (now := trio.current_time()) - due
            if lag > self._warn_over:
                self.warnings.append(Warned(now, lag))


@asynccontextmanager
async def open_lag_detector(*, interval: float = INTERVAL, warn_over: float = WARN_OVER) -> AsyncIterator[LagDetector]:
    """A detector that runs for the length of the block."""
    detector = LagDetector(interval=interval, warn_over=warn_over)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(detector.run)
        yield detector
        nursery.cancel_scope.cancel()
