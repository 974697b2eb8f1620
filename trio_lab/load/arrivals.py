"""The schedule of an open workload: when each request is intended to start, whatever happens to the others.

The rate is constant within a step, and a schedule has one step or several. Request n is due when the rate, integrated
over time, reaches n: in a single step that is start + n/rate, and no request is lost or doubled between two steps.

Because the schedule is arithmetic, so is the backlog: no queue of waiting requests is kept, only the number of the next
one that has not been taken. A server that stalls therefore costs the generator nothing, and no latency needs correcting
afterwards: it is simply counted from the moment the request was meant to go (Gil Tene's coordinated omission does not
arise).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_ROUNDING = 1e-9  # of a request


class Schedule(Protocol):
    """What an open workload is told by: see `Arrivals`."""

    @property
    def next_due(self) -> float: ...
    def take(self, now: float) -> float | None: ...
    def waiting(self, now: float) -> int: ...
    def end(self, now: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    start: float
    rate: float
    before: float  # requests due before it, with the fraction of one that the step before it began
    until: int  # the number of the first request that is due after it


class Arrivals:
    """Requests due from ``start`` on, in ``steps`` of (seconds, requests per second), and at most ``most`` of them."""

    __slots__ = ("_current", "_number", "_origin", "_period", "_steps", "_total", "_until", "next_due")

    def __init__(self, *, start: float, steps: Sequence[tuple[float, float]], most: int | None = None) -> None:
        self._steps: list[_Step] = []
        before = 0.0
        for seconds, rate in steps:
            after = before + seconds * rate
            until = max(1, math.ceil(after - _ROUNDING)) if after else 0  # the first one is due at the start itself
            self._steps.append(_Step(start=start, rate=rate, before=before, until=until))
            start, before = start + seconds, after
        self._total = until if most is None else min(until, most)
        self._number = self._current = self._until = 0
        self.next_due = self._enter()
        """The intended start of the next request; infinity when there is none."""

    def take(self, now: float) -> float | None:
        """The intended start of the oldest request that is due and not taken, or None. The caller must send or drop it."""
        due = self.next_due
        if due > now:
            return None
        self._number = number = self._number + 1
        self.next_due = self._origin + number * self._period if number < self._until else self._enter()
        return due

    def waiting(self, now: float) -> int:
        """How many requests are due and not taken: the depth of the generator's own backlog."""
        return max(0, self._due_by(now) - self._number)

    def end(self, now: float) -> None:
        """No request is due after ``now``. Those that are due by then can still be taken."""
        self._total = max(self._number, self._due_by(now))
        self._until = min(self._until, self._total)
        if self._number >= self._total:
            self.next_due = math.inf

    def _enter(self) -> float:
        """Enter the step of the next request, and return when it is due."""
        if self._number >= self._total:
            return math.inf
        while self._number >= self._steps[self._current].until and self._current + 1 < len(self._steps):
            self._current += 1
        step = self._steps[self._current]
        self._period = 1.0 / step.rate
        self._origin = step.start - step.before * self._period
        self._until = min(step.until, self._total)
        return max(step.start, self._origin + self._number * self._period)  # not before it, by rounding

    def _due_by(self, now: float) -> int:
        step = next((step for step in reversed(self._steps) if step.start <= now), self._steps[0])
        due = math.floor(step.before + (now - step.start) * step.rate + _ROUNDING) + 1
        return max(0, min(due, step.until, self._total))
