"""Virtual time: a heap of events. Events at the same moment happen in the order in which they were planned."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any


class Events:
    """Virtual time and its events. An event cannot be removed; one that has become meaningless does nothing."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the start."""
        self._heap: list[tuple[float, int, Callable[[Any], object], Any]] = []
        self._next = count().__next__

    def at(self, time: float, act: Callable[[Any], object], subject: Any = None) -> None:
        """Call ``act(subject)`` at that time, which must not have passed."""
        heappush(self._heap, (time, self._next(), act, subject))

    def run(self, until: float) -> None:
        """Call everything that is due until then; afterwards it is ``until``."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, act, subject = heappop(heap)
            act(subject)
        self.now = until
