"""The steps of a uvloop loop: the callbacks that come through `call_soon` and `call_soon_threadsafe`, so every step of a task.

Both methods are shadowed on this one loop while steps are measured, and what they schedule is a function that notes the
callback and calls it. Callbacks of timers, readers and transports are called by uvloop itself: what a pass spends before its
first noted step counts as one step, and what it spends on them later counts towards the step before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from .asyncio_steps import name_of, task_of
from .stalls import Steps
from .step_log import StepLog
from .uvloop_passes import UvloopPassMonitor

_NOT_NOTED = "timers and I/O"


class _Entered(NamedTuple):
    """A callback that came through `call_soon_threadsafe`."""

    call: Any


class UvloopSteps(StepLog[Any]):
    """Notes the callbacks of one loop between `install` and `remove`, which are called in the loop's thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        passes: UvloopPassMonitor,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        super().__init__(clock)
        self._loop: Any = loop
        self._passes = passes
        self._shadows: dict[str, Any] = {}

    def install(self) -> None:
        began, steps, clock = self._began, self._steps, self._clock

        def run(callback: Callable[..., object], *args: Any) -> None:
            began.append(clock())
            steps.append(callback)
            callback(*args)

        def run_entered(callback: Callable[..., object], *args: Any) -> None:
            began.append(clock())
            steps.append(_Entered(callback))
            callback(*args)

        for name, noting in (("call_soon", run), ("call_soon_threadsafe", run_entered)):
            self._shadows[name] = partial(getattr(self._loop, name), noting)
            setattr(self._loop, name, self._shadows[name])

    def remove(self) -> None:
        for name, shadow in self._shadows.items():
            if vars(self._loop).get(name) is shadow:
                delattr(self._loop, name)

    @property
    def blind(self) -> str | None:
        """Why steps are not seen; None when they are."""
        if all(vars(self._loop).get(name) is shadow for name, shadow in self._shadows.items()):
            return None
        return "other code replaced the loop's call_soon, by which steps are measured"

    def steps(self) -> Steps:
        self._began.insert(0, self._passes.last_began)
        self._steps.insert(0, _NOT_NOTED)
        return super().steps()

    def name(self, step: Any) -> str:
        return step if isinstance(step, str) else name_of(_call_of(step))

    def keys(self) -> set[Hashable]:
        return {task_of(_call_of(step)) or self.name(step) for step in self._steps}

    def is_entry(self, step: Any) -> bool:
        return isinstance(step, _Entered)

    def entries(self) -> int:
        return sum(map(self.is_entry, self._steps))


def _call_of(step: Any) -> Any:
    return step.call if isinstance(step, _Entered) else step
