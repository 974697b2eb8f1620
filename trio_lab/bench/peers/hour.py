"""An hour of passes, recorded in virtual time: how much memory does a pass monitor hold, its summary included?

The durations spread evenly over the orders of magnitude from 10 µs to 1 s: no real loop touches more buckets.
"""

from __future__ import annotations

import random
import tracemalloc
from dataclasses import dataclass

from ...loop.passes import PassMonitor

_SPREAD = (-5.0, 0.0)  # powers of ten, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Bytes held after a quarter of an hour and after all of it, and how many passes there were."""

    quarter_bytes: int
    hour_bytes: int
    passes: int


def an_hour(passes_per_s: int) -> Hour:
    source = random.Random(1)
    now = 0.0
    tracemalloc.start()
    monitor = PassMonitor(lambda: now)
    held = []
    for _ in range(60):
        for _ in range(passes_per_s * 60):
            now += 10 ** source.uniform(*_SPREAD)
            monitor.before_io_wait(1.0)
            now += 1e-3
            monitor.after_io_wait(1.0)
        monitor.busy.summary()
        held.append(tracemalloc.get_traced_memory()[0])
    return Hour(quarter_bytes=held[14], hour_bytes=held[-1], passes=monitor.busy.count)
