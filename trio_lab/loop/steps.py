"""The steps of Trio's tasks, noted by one hook for each step.

Callbacks of the entry queue (`TrioToken.run_sync_soon`) run in the steps of a task that Trio keeps for them. All that
wait when its step begins run in that step, so their number then tells a flood of them from one that is slow.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import perf_counter

import trio

from .step_log import StepLog

_ENTRY_QUEUE = "<TrioToken.run_sync_soon task>"  # the name of Trio's task


class StepMonitor(StepLog[trio.lowlevel.Task], trio.abc.Instrument):
    """Measures the steps of the current pass. Add it as an instrument; `steps` reads the pass."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self._callbacks = 0

    def after_io_wait(self, timeout: float) -> None:
        self.pass_ended()
        self._callbacks = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task.name == _ENTRY_QUEUE:
            self._callbacks = trio.lowlevel.current_statistics().run_sync_soon_queue_size
        self._began.append(self._clock())  # as `note`, written out for speed
        self._steps.append(task)

    def sees(self, task: trio.lowlevel.Task) -> bool:
        """Whether the step in which ``task`` calls this was noted."""
        return self._steps[-1:] == [task]

    def name(self, step: trio.lowlevel.Task) -> str:
        return step.name

    def key(self, step: trio.lowlevel.Task) -> Hashable:
        return step

    def is_entry(self, step: trio.lowlevel.Task) -> bool:
        return step.name == _ENTRY_QUEUE

    def entries(self) -> int:
        return self._callbacks
