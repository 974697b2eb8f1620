"""One watchdog for the loops of one thread, which come one after the other.

A suite has thousands of short loops, and to start a thread for each costs more than all else that a watch does. So this
thread goes on between two loops, and ends when none was watched for a second. Before the process forks it is ended, too.
"""

from __future__ import annotations

import os
import threading
import weakref
from time import perf_counter
from types import FrameType
from typing import Any

from ..loop.eyes import NO_TASK, Eyes, Who
from ..loop.watch import LONGEST
from ..loop.watchdog import Watchdog
from .unlisted_thread import UnlistedThread

_IDLE = 1.0  # seconds


class _NoLoop:
    """In place of the eyes on a loop while there is none, and of its passes."""

    def pass_began(self) -> None:
        return None

    def frames(self, top: FrameType | None) -> list[FrameType]:
        return []

    def who(self, frames: list[FrameType]) -> Who:
        return NO_TASK

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
        self._sleeps = 0.0  # seconds: how long the thread sleeps at a time
        self._idle_since = perf_counter()
        at_fork = weakref.WeakMethod(self._before_fork), weakref.WeakMethod(self._after_fork)
        os.register_at_fork(before=lambda: _call(at_fork[0]), after_in_parent=lambda: _call(at_fork[1]))

    @property
    def free(self) -> bool:
        """Whether this is the right thread, and no loop is watched."""
        return self._loop is _NO_LOOP and threading.get_ident() == self._loop_thread

    def watch(self, eyes: Eyes, budget: float) -> None:
        """Begin with a loop."""
        self.set_budget(budget)
        self._eyes, self._loop = eyes, eyes.passes
        with self._turn:
            runs = self._runs and self.alive
        if runs and self._rest < self._sleeps:  # it would come too late for this budget
            self.end()
        if not runs or not self._runs:
            self.start()

    def start(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()  # one that was idle may not have ended yet, and would take a sign that is for the next
        if self._own_delay is not None:
            self._own_delay.close()
            self._own_delay = None
        self._waits = self._read_waits()
        self._beats.clear()
        self._sleeps, self.fault = self._period, None
        self._thread = UnlistedThread(self._run)  # type: ignore[assignment]
        super().start()
        self._runs = True

    def stop(self) -> None:
        """The loop is over."""
        self._eyes = self._loop = _NO_LOOP
        self._idle_since = perf_counter()

    def end(self) -> None:
        """End the thread, and wait for it."""
        with self._turn:
            runs, self._runs = self._runs, False
        if runs:
            self._end.release()
            self._thread.join()
            self._end.acquire(blocking=False)  # a thread that died did not

    def close(self) -> None:
        """For good."""
        self.end()
        super().stop()

    def _look(self) -> float | None:
        if self._loop is _NO_LOOP and perf_counter() - self._idle_since > _IDLE:
            with self._turn:
                if self._loop is _NO_LOOP and self._runs:
                    self._runs = False
                    self._end.release()  # this thread takes it, and ends
        return super()._look()

    def _wait(self, age: float | None) -> float:
        self._sleeps = super()._wait(age)
        return self._sleeps

    def _before_fork(self) -> None:
        self.end()

    def _after_fork(self) -> None:
        if self._loop is not _NO_LOOP and not self._runs:
            self.start()


def _call(method: weakref.WeakMethod[Any]) -> None:
    if (found := method()) is not None:
        found()
