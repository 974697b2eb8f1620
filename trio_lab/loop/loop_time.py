"""What any event loop's time is made of: passes, in which somebody runs, and polls, in which nobody does.

Every loop here turns the same way: poll → run whoever is ready → poll. Whoever measures one calls `before_io_wait` and
`after_io_wait` around each poll (`passes` for Trio, `asyncio_loop` for asyncio); the figures, and what a reader's window
is, are the same for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from ..measure.histogram import Histogram
from ..records.summary import Summary

if TYPE_CHECKING:
    from ..records.health import Loop

RESOLUTION = 0.020  # seconds that a timer probe sleeps; the sources' choice


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStatistics:
    """Passes of the run loop over some time, in seconds. ``blind`` is None or the reason why passes are not seen."""

    passes: Summary
    utilization: float
    blind: str | None

    def record(self) -> Loop:
        """The same as `/health` tells it."""
        from ..records.health import Loop  # a program that only watches its loop starts without msgspec

        passes = self.passes
        return Loop(
            mean=passes.mean,
            p50=passes.p50,
            p99=passes.p99,
            max=passes.max,
            utilization=self.utilization,
            passes=passes.count,
            blind=self.blind,
        )


def _nobody(began: float, ended: float) -> None:
    """Nobody wants to know."""


class LoopTime:
    """Busy time of each pass and time waited for I/O."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self.busy = Histogram()
        self.waited = 0.0
        self.budget = math.inf
        """A pass that took longer is told to ``on_long``, with its begin and its end."""
        self.on_long: Callable[[float, float], None] = _nobody
        self.on_overslept: Callable[[float, float], None] = _nobody
        """A poll that ended by more than the budget after its timeout: told from when it should have ended to when it did.
        Nobody ran meanwhile, and yet whoever was due is late."""
        self._pass_began = self._poll_began = self._clock()
        self._polling = False

    # Called by the loop. Kept so small that they cannot raise.

    def before_io_wait(self, timeout: float) -> None:
        now = self._poll_began = self._clock()
        self._polling = True
        busy = now - self._pass_began
        self.busy.record(busy)
        if busy > self.budget:
            self.on_long(self._pass_began, now)

    def after_io_wait(self, timeout: float) -> None:
        now = self._pass_began = self._clock()
        self._polling = False
        slept = now - self._poll_began
        self.waited += slept
        if slept - timeout > self.budget:
            self.on_overslept(self._poll_began + timeout, now)

    def begin(self) -> None:
        """The present pass begins now, for all that is known."""
        self._polling = False
        self._pass_began = self._clock()

    @property
    def blind(self) -> str | None:
        """None while every pass is seen, else why not."""
        raise NotImplementedError

    def cut(self) -> None:
        """Count what the present pass has lasted as a pass of its own: a window ends here, and the next begins."""
        now = self._clock()
        self.busy.record(now - self._pass_began)
        self._pass_began = now

    def pass_began(self) -> float | None:
        """When the present pass began; None, for another thread, while the loop waits."""
        return None if self._polling else self._pass_began

    def busy_now(self) -> float:
        """Seconds that the present pass has lasted; 0.0 when called from another thread while the loop waits."""
        return 0.0 if self._polling else self._clock() - self._pass_began


class PassWindow:
    """One reader's view of a loop: what happened since this reader last asked. Readers do not disturb each other."""

    def __init__(self, loop: LoopTime) -> None:
        self._loop = loop
        self._busy = loop.busy.follow()
        self._waited = loop.waited

    def read(self, *, reset: bool) -> LoopStatistics:
        """Statistics of the window; with ``reset`` the next window begins here."""
        loop = self._loop
        blind = loop.blind
        if reset:
            loop.cut()
        passes = self._busy
        if not reset:
            # The pass that is asking has not ended; without it a loop that is blocked right now would look idle.
            passes = passes.copy()
            passes.record(loop.busy_now())
        spent = passes.total + loop.waited - self._waited
        found = LoopStatistics(
            passes=passes.summary(), utilization=passes.total / spent if spent > 0 else 0.0, blind=blind
        )
        if reset:
            self._busy.clear()
            self._waited = loop.waited
        return found


class Intervals:
    """What a timer probe saw: seconds between its wakes since the last reset. One reader only: a reset clears it."""

    def __init__(self) -> None:
        self._intervals = Histogram()

    def record(self, seconds: float) -> None:
        self._intervals.record(seconds)

    def read(self, *, reset: bool) -> Histogram:
        """The intervals of the window; with ``reset`` a new window begins."""
        read = self._intervals
        if reset:
            self._intervals = Histogram()
        return read
