"""A common lag detector: sleep for a second, and warn when the wake comes late.

It is the baseline that `observe` is measured against, and is not recommended. It notices a block only when its own wake
falls into one, so of blocks of a tenth of a second it notices about one in ten. It reports what was left of the block at
the wake, not how long the block was, and it cannot tell which task blocked. A block shorter than the threshold is never
seen, however often it comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NoReturn

import trio

from ..blocks import block

# The articles' choices. Seconds between two wakes, and seconds that a wake may be late.
INTERVAL = 1.0
WARN_OVER = 0.05


@dataclass(frozen=True, slots=True)
class Warned:
    """A wake that was late: its time on Trio's clock and its delay, in seconds."""

    at: float
    lag: float


@block
async def open_lag_detector() -> AsyncIterator[list[Warned]]:
    """A detector that runs for the length of the block: all its warnings so far, the oldest first."""
    warnings: list[Warned] = []

    async def detect() -> NoReturn:
        while True:
            due = trio.current_time() + INTERVAL
            await trio.sleep_until(due)
            lag = (now := trio.current_time()) - due
            if lag > WARN_OVER:
                warnings.append(Warned(now, lag))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(detect)
        yield warnings
        nursery.cancel_scope.cancel()
