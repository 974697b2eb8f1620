"""The steps of Trio's tasks, noted by one hook for each step.

Callbacks of the entry queue (`TrioToken.run_sync_soon`) run in the steps of a task that Trio keeps for them. All that
wait when its step begins run in that step, so their number then tells a flood of them from one that is slow.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import perf_counter

import trio

from .step_log import StepLog
from .trio_instruments import QuickInstrument

_ENTRY_QUEUE = "<TrioToken.run_sync_soon task>"  # the name of Trio's task


class StepMonitor(StepLog[trio.lowlevel.Task], QuickInstrument):
    """Measures the steps of the current pass. Add it as an instrument, and let the pass monitor call `pass_ended`; `steps`
    reads the pass."""

    hooks = ("before_task_step",)

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self.before_task_step = self._before_task_step()  # type: ignore[method-assign, assignment]

    def _before_task_step(self) -> Callable[[trio.lowlevel.Task], None]:
        """The hook. It is called so often that looking up the attributes of ``self`` would be a third of it. To append to a
        list that is named here is an instruction of its own, which calls nothing."""
        clock, began, steps = self._clock, self._began, self._steps

        def before_task_step(task: trio.lowlevel.Task) -> None:
            if task.name == _ENTRY_QUEUE:
                self._callbacks = trio.lowlevel.current_statistics().run_sync_soon_queue_size
            began.append(clock())
            steps.append(task)

        return before_task_step

    def sees(self, task: trio.lowlevel.Task) -> bool:
        """Whether the step in which ``task`` calls this was noted."""
        return self._steps[-1:] == [task]

    def name(self, step: trio.lowlevel.Task) -> str:
        return step.name

    def keys(self) -> set[Hashable]:
        return {*self._steps}

    def is_entry(self, step: trio.lowlevel.Task) -> bool:
        return step.name == _ENTRY_QUEUE

    def entries(self) -> int:
        return self._callbacks
