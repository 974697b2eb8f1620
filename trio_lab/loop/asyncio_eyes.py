"""An asyncio loop as its watch sees it. Neither a task nor a change in the program is needed: what a loop has on it is
shadowed, and the loop's own timer calls the watch.

Which task runs and who waits for it is read from the watchdog's thread. The interpreter switches threads only between
instructions, so what is read is whole; it may be of the step that follows, which the line then belongs to as well.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from ..blocks import block
from .asyncio_loop import AsyncioPassMonitor, passes_of
from .asyncio_steps import AsyncioSteps, task_name
from .code_line import step_frames
from .eyes import NO_TASK, Eyes, Who
from .uvloop_passes import UvloopPassMonitor
from .uvloop_steps import UvloopSteps
from .working_on import WORKING_ON

if TYPE_CHECKING:
    from ..records.queue import Queue

_LOOP = (asyncio.Handle._run.__code__, asyncio.BaseEventLoop._run_once.__code__)  # type: ignore[attr-defined]
_MOST_PARENTS = 50


class AsyncioEyes(Eyes):
    """The loop that runs in this thread, or ``loop``, which must run in it."""

    passes: AsyncioPassMonitor | UvloopPassMonitor
    log: AsyncioSteps | UvloopSteps | None

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = asyncio.get_running_loop() if loop is None else loop
        self.passes = passes_of(self._loop)
        self.log = None
        self._shared_threads: Callable[[], tuple[list[Queue], object]] | None = None
        self._outside = {id(code): code for code in _LOOP}  # to compute the hash of a code object takes a microsecond
        if isinstance(self.passes, UvloopPassMonitor):
            self.frames(sys._getframe())

    def frames(self, top: FrameType | None) -> list[FrameType]:
        """A loop written in C has no frames of its own. What called a task's outermost frame is what runs the loop there;
        once it has been seen it ends the steps of callbacks as well."""
        frames = step_frames(top, self._is_loop)
        if len(frames) < 2:
            return frames
        task = asyncio.current_task(self._loop)
        outermost = None if task is None else getattr(task.get_coro(), "cr_frame", None)
        for number, frame in enumerate(frames[:-1], 1):
            if frame is outermost:
                self._outside[id(frames[number].f_code)] = frames[number].f_code
                return frames[:number]
        return frames

    def _is_loop(self, code: CodeType) -> bool:
        return id(code) in self._outside

    def who(self, frames: list[FrameType]) -> Who:
        task = asyncio.current_task(self._loop)
        return NO_TASK if task is None else _known(task)

    def measure_steps(self, on: bool) -> None:
        if on and self.log is None:
            if not isinstance(self.passes, UvloopPassMonitor):
                self.log = AsyncioSteps(self._loop)
            elif self.passes.blind is None:  # it empties the log at the end of each pass
                self.log = UvloopSteps(self._loop, self.passes)
            else:
                return
            self.log.install()
            self.passes.on_pass = self.log.pass_ended
        elif not on and self.log is not None:
            self.passes.on_pass = None
            self.log.remove()
            self.log = None

    def steps_blind(self) -> str | None:
        return None if self.log is None else self.log.blind

    def whose(self, step: Any) -> tuple[Who, FrameType | None]:
        if isinstance(step, asyncio.Task):
            return _known(step), getattr(step.get_coro(), "cr_frame", None)
        name, _ = step  # as `key_of` makes them
        return Who(name=name), None

    def shared_threads(self) -> tuple[list[Queue], object]:
        if self._shared_threads is None:
            from .asyncio_threads import shared_threads  # a program that does not ask for queues starts without msgspec

            self._shared_threads = partial(shared_threads, self._loop)
        return self._shared_threads()

    def now(self) -> float:
        return self._loop.time()

    def undisturbed(self, act: Callable[[], None]) -> None:
        act()

    def calling(self, look: Callable[[], None], *, every: float) -> AbstractAsyncContextManager[None]:
        return _calling(self._loop, look, every)


@block
async def _calling(loop: asyncio.AbstractEventLoop, look: Callable[[], None], every: float) -> AsyncIterator[None]:
    """By a timer: a task would show among the program's."""

    def look_again() -> None:
        timers.append(loop.call_later(every, look_again))
        look()

    timers = deque([loop.call_later(every, look_again)], maxlen=1)
    try:
        yield
    finally:
        timers[0].cancel()


def _known(task: asyncio.Task[Any]) -> Who:
    context = _context(task)
    return Who(
        name=task_name(task),
        path=awaiting_path(task),
        label=None if context is None else context.get(WORKING_ON),
    )


def _context(task: asyncio.Task[Any]) -> contextvars.Context | None:
    if sys.version_info >= (3, 12):
        return task.get_context()
    for one in gc.get_referents(task):
        if isinstance(one, contextvars.Context):
            return one
    return None


def awaiting_path(task: asyncio.Task[Any]) -> tuple[str, ...]:
    """The names of the tasks that wait for this one, outermost first, and its own.

    A task that awaits another, or waits in a task group for it, is known to the one awaited, by a callback. `gather` and
    groups of other libraries are not followed.
    """
    found: list[asyncio.Task[Any]] = []
    parent: asyncio.Task[Any] | None = task
    while parent is not None and parent not in found and len(found) < _MOST_PARENTS:
        found.append(parent)
        parent = _awaiting(parent)
    return tuple(task_name(one) for one in reversed(found))


def _awaiting(task: Any) -> asyncio.Task[Any] | None:
    try:  # `suppress` would take a third of the time of this, and it is part of each look
        for callback, _ in task._callbacks or ():
            owner = getattr(callback, "__self__", None)
            if isinstance(owner, asyncio.TaskGroup):
                owner = owner._parent_task  # type: ignore[attr-defined]
            if isinstance(owner, asyncio.Task):
                return owner
    except RuntimeError:  # the list changed meanwhile
        pass
    return None
