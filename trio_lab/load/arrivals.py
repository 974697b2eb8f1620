"""The schedule of an open workload: request n is intended at start + n/rate, whatever happens to the others.

Because the schedule is arithmetic, so is the backlog: no queue of waiting requests is kept, only the number of the next
one that has not been taken. A server that stalls therefore costs the generator nothing, and no latency needs correcting
afterwards: it is simply counted from the moment the request was meant to go (Gil Tene's coordinated omission does not
arise).
"""

from __future__ import annotations

import math


class Arrivals:
    """Requests due at a constant rate within [start, start + duration)."""

    __slots__ = ("_number", "_period", "_start", "_total")

    def __init__(self, *, start: float, rate: float, duration: float) -> None:
        self._start = start
        self._period = 1.0 / rate
        self._total = max(1, math.ceil(duration * rate - 1e-9))  # the first one is due at the start itself
        self._number = 0

    @property
    def next_due(self) -> float:
        """The intended start of the next request; infinity when there is none."""
        return self._start + self._number * self._period if self._number < self._total else math.inf

    def take(self, now: float) -> float | None:
        """The intended start of the oldest request that is due and not taken, or None. The caller must send or drop it."""
        due = self.next_due
        if due > now:
            return None
        self._number += 1
        return due

    def waiting(self, now: float) -> int:
        """How many requests are due and not taken: the depth of the generator's own backlog."""
        return max(0, self._due_by(now) - self._number)

    def end(self, now: float) -> None:
        """No request is due after ``now``. Those that are due by then can still be taken."""
        self._total = max(self._number, self._due_by(now))

    def _due_by(self, now: float) -> int:
        return min(self._total, math.floor((now - self._start) / self._period + 1e-9) + 1)
