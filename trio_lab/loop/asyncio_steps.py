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
from collections.abc import Callable, Hashable
from contextvars import Context
from functools import partial
from operator import attrgetter
from time import perf_counter
from typing import Any

from .step_log import StepLog

UNNAMED = "Task-"  # how the names begin that asyncio gives
_CALL_OF = attrgetter("_callback")  # of a handle


def _noting(clock: Callable[[], float], times: list[float], steps: list[Any]) -> deque[Any]:
    """A deque of a class of its own: its method then finds all that it calls without looking into an object. The lists are
    named where they are appended to, because the interpreter has an instruction for that, which calls nothing.

    The methods of `deque` that asyncio uses for each callback are bound to the one object that there is: the interpreter has
    quick calls for bound methods of C, but for methods of a subclass of a C type it has none."""

    class NotingDeque(deque[Any]):
        __slots__ = ()

    noting = NotingDeque()
    take = noting.popleft

    def popleft(_: object) -> Any:
        step = take()
        times.append(clock())
        steps.append(step)
        return step

    bound: Any = NotingDeque
    bound.append, bound.popleft = noting.append, popleft
    return noting


class AsyncioSteps(StepLog[asyncio.Handle]):
    """Notes the callbacks of one loop between `install` and `remove`, which are called in the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(clock)
        self._loop: Any = loop
        self._entered: set[asyncio.Handle] = set()

    def install(self) -> None:
        self._noting = _noting(self._clock, self._began, self._steps)
        self._exchange(self._noting)
        self._loop.call_soon_threadsafe = self._entering = partial(self._enter, self._loop.call_soon_threadsafe)

    def remove(self) -> None:
        if self.installed:
            self._exchange(deque())
        if vars(self._loop).get("call_soon_threadsafe") is self._entering:
            del self._loop.call_soon_threadsafe

    def _exchange(self, new: deque[Any]) -> None:
        old = self._loop._ready
        self._loop._ready = new  # other threads add to it from now on
        new.extendleft(reversed(old))

    @property
    def blind(self) -> str | None:
        """Why steps are not seen; None when they are."""
        return (
            None if self.installed else "other code replaced the loop's queue of callbacks, on which steps are measured"
        )

    @property
    def installed(self) -> bool:
        return self._loop._ready is self._noting

    def _enter(
        self,
        call_soon_threadsafe: Callable[..., asyncio.Handle],
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> asyncio.Handle:
        handle = call_soon_threadsafe(callback, *args, context=context)
        self._entered.add(handle)
        return handle

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
        return {task_of(call) or name_of(call) for call in map(_CALL_OF, self._steps)}

    def is_entry(self, step: asyncio.Handle) -> bool:
        return step in self._entered

    def entries(self) -> int:
        return sum(step in self._entered for step in self._steps)


def task_of(call: Any) -> asyncio.Task[Any] | None:
    """The task whose step this callback is; None for any other."""
    owner = getattr(call, "__self__", None)
    return owner if isinstance(owner, asyncio.Task) else None


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
