"""The steps of an asyncio loop: every callback that it runs, whether it is a task's step, a transport's or a timer's.

asyncio takes the next callback from a deque, the loop's ``_ready``. While steps are measured, a deque that notes what it
hands out stands in its place. Exchanging the two loses nothing: `call_soon_threadsafe` fetches the deque and appends to it
without a point at which the interpreter switches threads. So when the new deque is in its place nothing is added to the old
one any more, and only then is the old one emptied into the new.

Callbacks that came through `call_soon_threadsafe` are known by their handles, which that method, shadowed on this one loop,
puts aside; so a flood of them is told as one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextvars import Context
from functools import partial
from operator import attrgetter
from time import perf_counter
from typing import Any

from .shadow import Shadow
from .step_log import StepLog

UNNAMED = "Task-"  # how the names begin that asyncio gives
_CALL_OF = attrgetter("_callback")  # of a handle


def _noting(callbacks: _Callbacks, logs: Sequence[AsyncioSteps]) -> deque[Any]:
    """A deque of a class of its own: its method then finds all that it calls without looking into an object. The lists are
    named where they are appended to, because the interpreter has an instruction for that, which calls nothing.

    The methods of `deque` that asyncio uses for each callback are bound to the one object that there is: the interpreter has
    quick calls for bound methods of C, but for methods of a subclass of a C type it has none."""

    class NotingDeque(deque[Any]):
        __slots__ = ()

    noting = NotingDeque()
    take = noting.popleft
    notes = [(log._clock, log._began, log._steps) for log in logs]
    clock, times, steps = notes[0]

    def popleft(_: object) -> Any:
        step = take()
        times.append(clock())
        steps.append(step)
        return step

    def popleft_for_all(_: object) -> Any:
        step = take()
        for clock, times, steps in notes:
            times.append(clock())
            steps.append(step)
        return step

    bound: Any = NotingDeque
    bound.append, bound.popleft = noting.append, popleft if len(notes) == 1 else popleft_for_all
    bound.callbacks = callbacks
    return noting


class _Callbacks:
    """The callbacks of one loop, noted for any number of logs, which come and go in any order."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._threadsafe = Shadow(loop, "call_soon_threadsafe")
        self._logs: list[AsyncioSteps] = []

    @staticmethod
    def of(loop: Any) -> _Callbacks:
        """Those that are noted already, or new ones."""
        found = getattr(loop._ready, "callbacks", None)
        return found if isinstance(found, _Callbacks) else _Callbacks(loop)

    @property
    def noted(self) -> bool:
        return getattr(self._loop._ready, "callbacks", None) is self

    def add(self, log: AsyncioSteps) -> None:
        self._logs.append(log)
        self._exchange()
        if len(self._logs) == 1:
            self._threadsafe.put(partial(self._enter, self._threadsafe.hidden))

    def discard(self, log: AsyncioSteps) -> None:
        self._logs.remove(log)
        if self.noted:
            self._exchange()
        if not self._logs:
            self._threadsafe.take_away()

    def _exchange(self) -> None:
        old, new = self._loop._ready, _noting(self, self._logs) if self._logs else deque()
        self._loop._ready = new  # other threads add to it from now on
        new.extendleft(reversed(old))

    def _enter(
        self,
        call_soon_threadsafe: Callable[..., asyncio.Handle],
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = call_soon_threadsafe(callback, *args, context=context)
        for log in self._logs:
            log._entered.add(handle)
        return handle


class AsyncioSteps(StepLog[asyncio.Handle]):
    """Notes the callbacks of one loop between `install` and `remove`, which are called in the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self._loop: Any = loop
        self._entered: set[asyncio.Handle] = set()

    def install(self) -> None:
        self._noting = _Callbacks.of(self._loop)
        self._noting.add(self)

    def remove(self) -> None:
        self._noting.discard(self)

    @property
    def blind(self) -> str | None:
        """Why steps are not seen; None when they are."""
        if self._noting.noted:
            return None
        return "other code replaced the loop's queue of callbacks, on which steps are measured"

    def pass_ended(self) -> None:
        if self._entered:
            if self._loop._ready:
                self._entered.difference_update(self._steps)
            else:  # all have run, also one that its thread put aside after its step
                self._entered.clear()
        super().pass_ended()

    def name(self, step: asyncio.Handle) -> str:
        return name_of(_CALL_OF(step))

    def keys(self) -> set[Hashable]:
        return {*map(key_of, map(_CALL_OF, self._steps))}

    def is_entry(self, step: asyncio.Handle) -> bool:
        return step in self._entered

    def entries(self) -> int:
        return sum(step in self._entered for step in self._steps)


def task_of(call: Any) -> asyncio.Task[Any] | None:
    """The task whose step this callback is; None for any other."""
    owner = getattr(call, "__self__", None)
    return owner if isinstance(owner, asyncio.Task) else None


def key_of(call: Any) -> Hashable:
    """The callback's task, or else its name and whose method it is: each connection has a transport of its own."""
    return task_of(call) or (name_of(call), id(getattr(call, "__self__", None)))


def name_of(call: Any) -> str:
    """The name of the callback's task, or else of its function."""
    if (task := task_of(call)) is not None:
        return task_name(task)
    while isinstance(call, partial):
        call = call.func
    return getattr(call, "__qualname__", None) or type(call).__name__


def task_name(task: asyncio.Task[Any]) -> str:
    """The name that the program gave it, else that of its coroutine function: "Task-17" tells nothing."""
    name, coroutine = task.get_name(), task.get_coro()
    return getattr(coroutine, "__qualname__", name) if name.startswith(UNNAMED) else name
