"""One watchdog for the loops of one thread, which come one after the other.

A suite has thousands of short loops, and to start a thread for each costs more than all else that a watch does. So this
thread goes on between two loops, and ends when none was watched for a second. Before the process forks it is ended, too.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from time import perf_counter
from types import FrameType
from typing import Any

from ..loop.eyes import NO_TASK, Eyes, Who
from ..loop.kernel import Timer
from ..loop.loop_time import LoopTime, nothing
from ..loop.watch import LONGEST
from ..loop.watchdog import Watchdog
from .unlisted_thread import UnlistedThread

_IDLE = 1.0  # seconds
_RECENT = 0.05  # seconds


class _NoLoop(LoopTime):
    """In place of the eyes on a loop while there is none, and of its passes."""

    def pass_began(self) -> None:
        return None

    def frames(self, top: FrameType | None) -> list[FrameType]:
        return []

    def who(self, frames: list[FrameType]) -> Who:
        return NO_TASK

    def poll_ends(self) -> float:
        return math.inf

    @property
    def passes(self) -> _NoLoop:
        return self


_NO_LOOP: Any = _NoLoop()


class OneWatchdog(Watchdog):
    """Make it in the thread of the loops, and call `watch`, `stop` and `end` there."""

    def __init__(self) -> None:
        super().__init__(_NO_LOOP, budget=LONGEST)
        self._turn = threading.Lock()
        self._runs = False
        self.rests = False
        """Whether the loop that is watched does not run now. Then another one may have the watchdog."""
        self._idle_since = perf_counter()
        at_fork = weakref.WeakMethod(self._before_fork), weakref.WeakMethod(self._after_fork)
        in_child = weakref.WeakMethod(self._in_child)
        os.register_at_fork(
            before=lambda: _call(at_fork[0]),
            after_in_parent=lambda: _call(at_fork[1]),
            after_in_child=lambda: _call(in_child),
        )

    @property
    def free(self) -> bool:
        """Whether this is the right thread, and no loop that runs is watched."""
        return (self.rests or self._loop is _NO_LOOP) and self.here

    def watches(self, eyes: Eyes) -> bool:
        """Whether this is the loop."""
        return self._eyes is eyes

    def watch(self, eyes: Eyes, budget: float) -> None:
        """Begin with a loop."""
        if self.rests:
            self.stop()
        self._eyes, self._loop = eyes, eyes.passes
        self.set_budget(budget)
        with self._turn:
            runs = self._runs and self.alive
        if runs:
            self.begin()
        else:
            self.start()

    def begin(self) -> None:
        """Short tests need no beat each: the last one tells enough of a pass that begins soon after it."""
        self._woke = perf_counter()
        self._loop.on_renew = self._put_off
        if self._beats and self._woke - self._beats[-1].at < _RECENT:
            self._wakes.put_off(self._woke)
        else:
            self._put_off(self._woke)

    def start(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()  # one that was idle may not have ended yet, and would take a sign that is for the next
        if self._own_delay is not None:
            self._own_delay.close()
            self._own_delay = None
        self._beats.clear()
        self._stopped, self.fault = False, None
        self._thread = UnlistedThread(self._run)  # type: ignore[assignment]
        super().start()
        self._runs = True

    def stop(self) -> None:
        """The loop is over."""
        over, self._eyes, self._loop = self._loop, _NO_LOOP, _NO_LOOP
        self.rests = False
        self.set_budget(LONGEST)
        over.on_renew = nothing
        self._idle_since = perf_counter()

    def end(self) -> None:
        """End the thread, and wait for it."""
        with self._turn:
            runs, self._runs = self._runs, False
        if runs:
            self._stopped = True
            self._timer.set(0.0)
            self._thread.join()

    def close(self) -> None:
        """For good."""
        self.end()
        super().stop()

    def _look(self) -> float | None:
        if self._loop is _NO_LOOP and perf_counter() - self._idle_since > _IDLE:
            with self._turn:
                if self._loop is _NO_LOOP and self._runs:
                    self._runs, self._stopped = False, True  # this thread ends
        return super()._look()

    def _before_fork(self) -> None:
        self.end()

    def _after_fork(self) -> None:
        if self._loop is not _NO_LOOP and not self._runs:
            self.start()

    def _in_child(self) -> None:
        """A timer would be shared with the process that forked, and what is known of that one's thread cannot be read here."""
        self._timer.close()
        self._timer = Timer()
        self.set_budget(self._budget)
        self._loop_delay.close()
        self._measure_this_thread()


def _call(method: weakref.WeakMethod[Any]) -> None:
    if (found := method()) is not None:
        found()
