"""The steps of each pass: who ran for how long. The dear tier of measuring: two hooks a step.

Entry-queue callbacks (`TrioToken.run_sync_soon`) run inside a step of a task that Trio keeps for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from time import perf_counter

import trio

from .stalls import Steps

_TOP = 5
_ENTRY_QUEUE = "TrioToken.run_sync_soon"  # in the name of Trio's own task


class StepMonitor(trio.abc.Instrument):
    """Measures the steps of the pass that is under way. Add it as an instrument; `steps` reads the pass."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._began = 0.0
        self._count = 0
        self._longest = 0.0
        self._by_task: defaultdict[str, float] = defaultdict(float)
        self.turns: defaultdict[trio.lowlevel.Task, int] = defaultdict(int)
        """Steps of each task since somebody last cleared it: a task that spins has one in every pass."""

    def after_io_wait(self, timeout: float) -> None:
        if self._count:
            self._count, self._longest = 0, 0.0
            self._by_task.clear()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = self._clock()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        took = self._clock() - self._began
        self._count += 1
        self._by_task[task.name] += took
        self.turns[task] += 1
        if took > self._longest:
            self._longest = took

    def steps(self) -> Steps:
        """The pass so far."""
        top = sorted(self._by_task.items(), key=lambda item: item[1], reverse=True)
        return Steps(
            count=self._count,
            longest=self._longest,
            entry_queue=sum(seconds for name, seconds in top if _ENTRY_QUEUE in name),
            top=tuple(top[:_TOP]),
        )
