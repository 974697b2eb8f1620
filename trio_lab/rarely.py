"""A condition that lasts is logged once in a while, not at every attempt. Standard library only."""

from __future__ import annotations

import math


class Rarely:
    """`due` is true at most once in ten seconds, by the clock whose times it is given."""

    SILENCE = 10.0  # seconds

    def __init__(self) -> None:
        self._told = -math.inf

    def due(self, now: float) -> bool:
        due = now >= self._told + self.SILENCE
        if due:
            self._told = now
        return due
