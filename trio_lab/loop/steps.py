"""The steps of each pass: which task ran for how long. This is the expensive tier of the watch: one hook for each step.

A step is measured from its begin to the begin of the next, or to the moment of reading. So the time that Trio spends
between two steps counts towards the first, and a second hook is saved. During a pass only tasks and times are noted; they
are added up when they are read, which is after a long pass.

Callbacks of the entry queue (`TrioToken.run_sync_soon`) run in the steps of a task that Trio keeps for them. All that
wait when its step begins run in that step, so their number then tells a flood of them from one that is slow.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from time import perf_counter

import trio

from .stalls import Steps

_TOP = 5
_ENTRY_QUEUE = "<TrioToken.run_sync_soon task>"  # the name of Trio's task


class StepMonitor(trio.abc.Instrument):
    """Measures the steps of the current pass. Add it as an instrument; `steps` reads the pass."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._tasks: list[trio.lowlevel.Task] = []
        self._began: list[float] = []
        self._turns: Counter[trio.lowlevel.Task] = Counter()
        self._callbacks = 0

    def after_io_wait(self, timeout: float) -> None:
        if self._tasks:
            self._turns.update(self._tasks)
            self._tasks.clear()
            self._began.clear()
            self._callbacks = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task.name == _ENTRY_QUEUE:
            self._callbacks = trio.lowlevel.current_statistics().run_sync_soon_queue_size
        self._began.append(self._clock())
        self._tasks.append(task)

    def sees(self, task: trio.lowlevel.Task) -> bool:
        """Whether the step in which ``task`` calls this was noted."""
        return self._tasks[-1:] == [task]

    def steps(self) -> Steps:
        """The current pass so far."""
        took = [after - before for before, after in pairwise([*self._began, self._clock()])]
        by_name: defaultdict[str, float] = defaultdict(float)
        for task, seconds in zip(self._tasks, took, strict=True):
            by_name[task.name] += seconds
        top = sorted(by_name.items(), key=lambda item: item[1], reverse=True)
        return Steps(
            count=len(took),
            longest=max(took, default=0.0),
            entry_queue=by_name.get(_ENTRY_QUEUE, 0.0),
            callbacks=self._callbacks,
            top=tuple(top[:_TOP]),
        )

    def read_turns(self) -> Counter[trio.lowlevel.Task]:
        """Steps of each task in the passes that ended since the last call. A task that spins has one in every pass."""
        turns, self._turns = self._turns, Counter()
        return turns
