"""What will happen, in the order of time: a heap. Events of one moment happen in the order in which they were planned."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any


class Events:
    """Virtual time, and what is planned in it. Nothing that was planned is taken back: an event that has become
    meaningless does nothing when it happens."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the start."""
        self._heap: list[tuple[float, int, Callable[[Any], object], Any]] = []
        self._next = count().__next__

    def at(self, time: float, act: Callable[[Any], object], subject: Any = None) -> None:
        """Call ``act(subject)`` at that time, which must not have passed."""
        heappush(self._heap, (time, self._next(), act, subject))

    def run(self, until: float) -> None:
        """Let happen what is due up to ``until``, where time then stands."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, act, subject = heappop(heap)
            act(subject)
        self.now = until
