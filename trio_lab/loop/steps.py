"""The steps of each pass: who ran for how long. The dear tier of measuring: one hook a step.

A step counts from its own begin to the begin of the next one, or to the moment of asking: so what Trio does between two
steps is put to the one before, and a second hook is saved. While a pass is under way only the tasks and the times are
noted; what is made of them is made when somebody asks, which is after a long pass.

Entry-queue callbacks (`TrioToken.run_sync_soon`) run inside a step of a task that Trio keeps for them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from time import perf_counter

import trio

from .stalls import Steps

_TOP = 5
_ENTRY_QUEUE = "TrioToken.run_sync_soon"  # in the name of Trio's own task


class StepMonitor(trio.abc.Instrument):
    """Measures the steps of the pass that is under way. Add it as an instrument; `steps` reads the pass."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._tasks: list[trio.lowlevel.Task] = []
        self._began: list[float] = []
        self._turns: Counter[trio.lowlevel.Task] = Counter()

    def after_io_wait(self, timeout: float) -> None:
        if self._tasks:
            self._turns.update(self._tasks)
            self._tasks.clear()
            self._began.clear()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._tasks.append(task)
        self._began.append(self._clock())

    def steps(self) -> Steps:
        """The pass so far."""
        took = [after - before for before, after in pairwise([*self._began, self._clock()])]
        by_name: defaultdict[str, float] = defaultdict(float)
        for task, seconds in zip(self._tasks, took, strict=True):
            by_name[task.name] += seconds
        top = sorted(by_name.items(), key=lambda item: item[1], reverse=True)
        return Steps(
            count=len(took),
            longest=max(took, default=0.0),
            entry_queue=sum(seconds for name, seconds in top if _ENTRY_QUEUE in name),
            top=tuple(top[:_TOP]),
        )

    def read_turns(self) -> Counter[trio.lowlevel.Task]:
        """Steps of each task in the passes that ended since this was last asked: who spins has one in every pass."""
        turns, self._turns = self._turns, Counter()
        return turns
