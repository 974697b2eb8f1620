"""The lag detector as everybody first writes it: sleep for a second, and warn when the wake comes late.

It is here as the baseline that the exact watch (`observe`) is measured against, and not recommended: it sees a block
only when its own wake falls into one, so a block of a tenth of a second leaves a trace about once in ten; it tells what
was left of the block from the wake on, not how long it was; and it cannot say who blocked. A block shorter than the
threshold is never seen, however often it comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

INTERVAL = 1.0  # seconds between two wakes; the sources' choice, as the next
WARN_OVER = 0.05  # seconds that a wake may be late


@dataclass(frozen=True, slots=True)
class Warned:
    """A wake that came late: when it came (on Trio's clock), and by how much. Seconds."""

    at: float
    lag: float


class LagDetector:
    """Opened with `open_lag_detector`. ``warnings`` are all so far, oldest first."""

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
