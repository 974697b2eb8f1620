"""The steps of a uvloop loop: the callbacks that come through `call_soon` and `call_soon_threadsafe`, so every step of a task.

Both methods are shadowed on this one loop while steps are measured, and each callback is wrapped in an object that notes it
when it is called. Callbacks of timers, readers and transports are called by uvloop itself: what a pass spends before its
first noted step counts as one step, and what it spends on them later counts towards the step before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from functools import partial
from time import perf_counter
from typing import Any

from .asyncio_steps import name_of, task_name, task_of
from .stalls import Steps
from .step_log import StepLog
from .uvloop_passes import UvloopPassMonitor

_NOT_NOTED = "timers and I/O"


class _Step:
    """A callback that is noted when it runs."""

    __slots__ = ("_callback", "_log", "entered")

    def __init__(self, log: UvloopSteps, callback: Callable[..., object], entered: bool) -> None:
        self._log, self._callback, self.entered = log, callback, entered

    def __call__(self, *args: Any) -> None:
        self._log.note(self)
        self._callback(*args)


class UvloopSteps(StepLog[_Step | str]):
    """Notes the steps of one loop between `install` and `remove`, which are called in the loop's thread."""

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
        for name, entered in (("call_soon", False), ("call_soon_threadsafe", True)):
            self._shadows[name] = partial(self._schedule, getattr(self._loop, name), entered)
            setattr(self._loop, name, self._shadows[name])

    def remove(self) -> None:
        for name, shadow in self._shadows.items():
            if vars(self._loop).get(name) is shadow:
                delattr(self._loop, name)
        self.note = _ignore  # type: ignore[method-assign] # callbacks that wait now are wrapped still

    def _schedule(
        self, schedule: Callable[..., Any], entered: bool, callback: Callable[..., object], *args: Any, **context: Any
    ) -> Any:
        return schedule(_Step(self, callback, entered), *args, **context)

    @property
    def blind(self) -> str | None:
        if all(vars(self._loop).get(name) is shadow for name, shadow in self._shadows.items()):
            return None
        return "other code replaced the loop's call_soon, by which steps are measured"

    def steps(self) -> Steps:
        self._began.insert(0, self._passes.last_began)
        self._steps.insert(0, _NOT_NOTED)
        return super().steps()

    def name(self, step: _Step | str) -> str:
        if isinstance(step, str):
            return step
        task = task_of(step)
        return name_of(step) if task is None else task_name(task)

    def key(self, step: _Step | str) -> Hashable:
        return (None if isinstance(step, str) else task_of(step)) or self.name(step)

    def is_entry(self, step: _Step | str) -> bool:
        return isinstance(step, _Step) and step.entered

    def entries(self) -> int:
        return sum(map(self.is_entry, self._steps))


def _ignore(step: _Step | str) -> None:
    """In place of `note` when steps are no longer measured."""
