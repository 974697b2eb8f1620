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

from .asyncio_steps import key_of, name_of
from .shadow import Shadow
from .stalls import Steps
from .step_log import StepLog
from .uvloop_passes import UvloopPassMonitor

_NOT_NOTED = "timers and I/O"


class _Entered(NamedTuple):
    """A callback that came through `call_soon_threadsafe`."""

    call: Any


class _Calls:
    """The callbacks of one loop, noted for any number of logs, which come and go in any order."""

    def __init__(self, loop: Any) -> None:
        self._soon, self._threadsafe = Shadow(loop, "call_soon"), Shadow(loop, "call_soon_threadsafe")
        self._notes: list[tuple[Callable[[], float], list[float], list[Any]]] = []  # of each log
        self._live: list[bool] = []  # empty: what was put there notes nothing any more

    @staticmethod
    def of(loop: Any) -> _Calls:
        """Those that are noted already, or new ones. A wrapper of other code may have our attribute, as well."""
        found = getattr(vars(loop).get("call_soon"), "calls", None)
        return found if isinstance(found, _Calls) and found.noted else _Calls(loop)

    @property
    def noted(self) -> bool:
        return self._soon.there and self._threadsafe.there

    def add(self, log: UvloopSteps) -> None:
        self._notes.append((log._clock, log._began, log._steps))
        self._put()

    def discard(self, log: UvloopSteps) -> None:
        self._notes = [note for note in self._notes if note[2] is not log._steps]
        if self._notes and self.noted:
            self._put()
            return
        self._live.clear()  # a wrapper of other code may still call ours
        self._soon.take_away()
        self._threadsafe.take_away()

    def _put(self) -> None:
        self._live.clear()
        notes, live = [*self._notes], [True]
        self._live = live
        clock, began, steps = notes[0]

        def run(callback: Callable[..., object], *args: Any) -> None:
            if live:
                began.append(clock())
                steps.append(callback)
            callback(*args)

        def run_for_all(callback: Callable[..., object], *args: Any) -> None:
            if live:
                for clock, began, steps in notes:
                    began.append(clock())
                    steps.append(callback)
            callback(*args)

        def run_entered(callback: Callable[..., object], *args: Any) -> None:
            if live:
                for clock, began, steps in notes:
                    began.append(clock())
                    steps.append(_Entered(callback))
            callback(*args)

        soon: Any = partial(self._soon.hidden, run if len(notes) == 1 else run_for_all)
        soon.calls = self
        self._soon.put(soon)
        self._threadsafe.put(partial(self._threadsafe.hidden, run_entered))


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

    def install(self) -> None:
        self._calls = _Calls.of(self._loop)
        self._calls.add(self)

    def remove(self) -> None:
        self._calls.discard(self)

    @property
    def blind(self) -> str | None:
        """Why steps are not seen; None when they are."""
        return None if self._calls.noted else "other code replaced the loop's call_soon, by which steps are measured"

    def steps(self) -> Steps:
        self._began.insert(0, self._passes.last_began)
        self._steps.insert(0, _NOT_NOTED)
        return super().steps()

    def name(self, step: Any) -> str:
        return step if isinstance(step, str) else name_of(_call_of(step))

    def keys(self) -> set[Hashable]:
        return {key_of(_call_of(step)) for step in self._steps}

    def is_entry(self, step: Any) -> bool:
        return isinstance(step, _Entered)

    def entries(self) -> int:
        return sum(map(self.is_entry, self._steps))


def _call_of(step: Any) -> Any:
    return step.call if isinstance(step, _Entered) else step
