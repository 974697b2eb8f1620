"""Virtual time: a heap of events. Those at the same moment happen in the order of their ranks, then as they were planned.

The ranks say what a tie means, and follow what the gate promises and what Trio does:

- a deadline has passed at its own moment: callers that leave then, or have waited too long then, are gone before anything else
  happens, because no caller is admitted at its deadline;
- work that ends at its run timeout has ended in time;
- a place that is given back at a moment is free for requests that come at that moment.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any

LEAVE, EXPIRE, FAULT, END, STOP, COME = (rank << 48 for rank in range(6))
"""The ranks: a caller's patience is over; a wait is over; the server changes its pace; work is done; work has taken too long;
a request comes."""


class Events:
    """Virtual time and its events. An event cannot be removed; one that has become meaningless does nothing."""

    def __init__(self, start: float = 0.0) -> None:
        self.start = start
        self.now = start
        """Seconds."""
        self._heap: list[tuple[float, int, Callable[[Any], object], Any]] = []
        self._next = count().__next__

    def at(self, time: float, act: Callable[[Any], object], subject: Any = None, rank: int = END) -> None:
        """Call ``act(subject)`` at that time, which must not have passed."""
        heappush(self._heap, (time, rank + self._next(), act, subject))

    def run(self, until: float) -> None:
        """Call everything that is due until then; afterwards it is ``until``, or if that is infinite, as late as the last."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, act, subject = heappop(heap)
            act(subject)
        if until != inf:
            self.now = until

    def clear(self) -> None:
        """Forget all that is planned: nothing of it matters any more."""
        self._heap.clear()
