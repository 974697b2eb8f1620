"""When the watchdog wakes: hardly ever while passes are short, and in time when one is long.

A thread that wakes asks for the GIL, and that costs the loop more than the rest of the watch together. So the watchdog sleeps
until a timer of the kernel ends. While passes are short the loop puts that timer off, which wakes no thread. This costs some
microseconds, so the loop does it only when a pass begins `_AGAIN` of the budget after the last time.

Two things hold:

- When a pass begins, the timer ends within `_DUE` of the budget, whichever side has set it. So a pass that lasts longer is
  looked at by then. The watchdog then sets the timer to the moment at which the age of the pass is `LONG`.
- The watchdog sets the timer first and looks second whether another pass has begun since. The loop notes first that a pass
  begins and looks second whether to put the timer off. So when both do this at once, one of them notices the other.

While the loop polls there is nothing to look at: the timer ends once, and is then set to the moment at which the poll is
overdue. On uvloop, where the loop does not know when a pass begins, the watchdog looks during polls as well.
"""

from __future__ import annotations

import math
from typing import Protocol

from .loop_time import LoopTime

# As shares of the budget. `_DUE` + `LONG` must not be over 1, or on uvloop a pass could end without a sample.
LONG = _DUE = 0.5  # the age from which a pass is sampled
_AGAIN = 0.25
_SAMPLED = 0.25  # the time between two samples of a pass,
_OF_ITS_AGE = 1 / 32  # or this share of its age, when that is longer
_LONGEST = 0.5  # seconds: a watchdog with a long budget must notice soon, too, that it is blind


class Alarm(Protocol):
    """What wakes the watchdog."""

    def set(self, seconds: float) -> None:
        """Wake it so many seconds from now, whatever was set before."""


class Wakes:
    """Decides for one watchdog. ``long`` is the age of a pass, in seconds, from which it is sampled."""

    def __init__(self, loop: LoopTime, alarm: Alarm, budget: float) -> None:
        self._loop, self._alarm = loop, alarm
        self.long = LONG * budget
        self.due = min(_DUE * budget, _LONGEST)
        self._again = min(_AGAIN * budget, _LONGEST / 2)
        self._sampled = min(_SAMPLED * budget, _LONGEST / 2)

    def put_off(self, now: float) -> None:
        """For the loop, when a pass begins and `LoopTime.renew_at` has passed."""
        self._alarm.set(self.due)
        self._loop.renew_at = now + self._again

    def sleep(self, now: float, began: float | None) -> float:
        """For the watchdog, when it has looked at a pass, or at a poll (None): seconds until its next look."""
        wait = self._until_next(now, began)
        self._alarm.set(wait)
        self._loop.renew_at = -math.inf  # not `now`: a pass that begins just now may have read the clock before
        if self._loop.pass_began() != began:
            self._alarm.set(min(wait, self.due))
        return wait

    def _until_next(self, now: float, began: float | None) -> float:
        if began is not None:
            age = now - began
            return min(self.long - age, _LONGEST) if age < self.long else max(self._sampled, age * _OF_ITS_AGE)
        if self._loop.tells_begins:
            return min(max(0.0, self._loop.poll_ends() - now) + self.due, _LONGEST)
        return self.due
