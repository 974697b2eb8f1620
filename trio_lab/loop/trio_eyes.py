"""A Trio run as its watch sees it: instruments for passes and steps, the tree of tasks for names."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import trio

from ..blocks import block
from .code_line import step_frames
from .eyes import NO_TASK, Eyes, Who
from .passes import PassMonitor
from .steps import StepMonitor
from .working_on import WORKING_ON

if TYPE_CHECKING:
    from ..records.queue import Queue

_LOOP = "unrolled_run"  # Trio's run loop; the frames below it are the step of one task
_MOST_TASKS = 100_000  # looked through for the running one


class TrioEyes(Eyes):
    """The run that is current, though it may not have begun."""

    passes: PassMonitor
    log: StepMonitor | None

    def __init__(self, passes: PassMonitor | None = None) -> None:
        self._last_task: weakref.ref[trio.lowlevel.Task] | None = None
        self._current = _attributes_of_this_run()
        self.passes = passes or PassMonitor()
        self.log = None

    def frames(self, top: FrameType | None) -> list[FrameType]:
        found = step_frames(top, lambda code: code.co_name == _LOOP)
        polls = not found or found[-1].f_back is None  # Trio polls outside of its loop's frame
        return [] if polls else found

    def who(self, frames: list[FrameType]) -> Who:
        """To search all tasks holds the GIL long: 10 000 tasks take milliseconds."""
        if not frames:
            return NO_TASK
        last = None if self._last_task is None else self._last_task()
        for task in (self._current.get("task"), last):
            if task is not None and getattr(task.coro, "cr_frame", None) is frames[-1]:
                return _known(task)
        root = getattr(self._current.get("runner"), "init_task", None)
        task = None if root is None else running_task(root, frames)
        self._last_task = None if task is None else weakref.ref(task)
        return NO_TASK if task is None else _known(task)

    def measure_steps(self, on: bool) -> None:
        if on and self.log is None:
            self.log = StepMonitor()
            self.log.put_in()
            self.passes.on_pass = self.log.pass_ended
        elif not on and self.log is not None:
            self.passes.on_pass = None
            self.log.take_out()
            self.log = None

    def steps_blind(self) -> str | None:
        if self.log is None or self.log.sees(trio.lowlevel.current_task()):
            return None
        return "Trio removed the step monitor: it raised an exception, or other code removed it"

    def whose(self, step: trio.lowlevel.Task) -> tuple[Who, FrameType | None]:
        return _known(step), getattr(step.coro, "cr_frame", None)

    def shared_threads(self) -> tuple[list[Queue], object]:
        from .default_limiter import DefaultLimiter

        return [DefaultLimiter()], None

    def now(self) -> float:
        return trio.current_time()

    @trio.lowlevel.enable_ki_protection
    def undisturbed(self, act: Callable[[], None]) -> None:
        act()

    def calling(self, look: Callable[[], None], *, every: float) -> AbstractAsyncContextManager[None]:
        return _calling(look, every)


@block
async def _calling(look: Callable[[], None], every: float) -> AsyncIterator[None]:
    async def look_again_and_again() -> NoReturn:
        while True:
            await trio.sleep(every)
            look()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look_again_and_again, name="watch over the loop")
        yield
        nursery.cancel_scope.cancel()


def _attributes_of_this_run() -> dict[str, Any]:
    """Where Trio keeps, among other things of this thread's run, the current task; any thread may read it. Empty if a later
    Trio has it somewhere else."""
    return getattr(getattr(trio._core._run, "GLOBAL_RUN_CONTEXT", None), "__dict__", {})


def _known(task: trio.lowlevel.Task) -> Who:
    return Who(name=task.name, path=nursery_path(task), label=task.context.get(WORKING_ON))


def running_task(root: trio.lowlevel.Task, frames: list[FrameType]) -> trio.lowlevel.Task | None:
    """The task whose step these frames are. Called from another thread, during a long step."""
    if not frames:
        return None
    outermost = frames[-1]
    try:
        return next((task for task in _tasks(root) if getattr(task.coro, "cr_frame", None) is outermost), None)
    except RuntimeError:
        return None  # the loop went on, and a set changed during the search


def _tasks(root: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    waiting, seen = [root], 0
    while waiting and seen < _MOST_TASKS:
        task = waiting.pop()
        seen += 1
        yield task
        for nursery in task.child_nurseries:
            waiting.extend(nursery.child_tasks)


def nursery_path(task: trio.lowlevel.Task | None) -> tuple[str, ...]:
    """The names of a task's parents from the main task down, and its own name."""
    names: list[str] = []
    while task is not None:
        names.append(task.name)
        nursery = task.parent_nursery
        task = None if nursery is None else nursery.parent_task
    return tuple(reversed(names[:-1] or names))  # the root is Trio's init task
