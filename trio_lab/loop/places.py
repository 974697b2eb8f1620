"""Where a thread is, in words that can be kept: file, line, function. No locals, no arguments, no source text.

The line to blame is the innermost one that the reader can change: a catastrophic pattern is seen in the caller of `re`,
not in `re`, and a slow handler in the handler, not in the framework that called it.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

import trio

_LIBRARY = tuple({path for name in ("stdlib", "platstdlib") if (path := sysconfig.get_path(name))})
_PACKAGES = tuple({path for name in ("purelib", "platlib") if (path := sysconfig.get_path(name))})
_LOOP = "unrolled_run"  # Trio's run loop; everything further in is the step of one task
_OURS = {
    str(Path(__file__).with_name(name)) for name in ("observe.py", "loop_time.py", "steps.py")
}  # hooks that ran just then
_MOST_TASKS = 100_000  # looked through for the one that runs


@dataclass(frozen=True, slots=True)
class Place:
    """A line of code. ``function`` is the qualified name."""

    filename: str
    lineno: int
    function: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.lineno} in {self.function}"


@cache
def _distance(filename: str) -> int:
    """0 for a program's own code, 1 for an installed package, 2 for Python's library and what has no file."""
    if filename.startswith(_PACKAGES) or "/site-packages/" in filename:
        return 1
    return 2 if filename.startswith(("<", *_LIBRARY)) else 0


def step_frames(frame: FrameType | None) -> list[FrameType]:
    """The frames of the step that a loop's thread is in, innermost first; all of them when it is in none."""
    frames = []
    while frame is not None and frame.f_code.co_name != _LOOP:
        if frame.f_code.co_filename not in _OURS:
            frames.append(frame)
        frame = frame.f_back
    return frames


def blamed(frames: list[FrameType]) -> Place:
    """The innermost line of the program's own code; without one that of a package, without one the innermost.

    Raises:
        ValueError: there is no frame.
    """
    frame = min(enumerate(frames), key=lambda found: (_distance(found[1].f_code.co_filename), found[0]))[1]
    return Place(frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_qualname)


def running_task(root: trio.lowlevel.Task, frames: list[FrameType]) -> trio.lowlevel.Task | None:
    """The task whose step these frames are. Asked from another thread, while the loop stands still or nearly so."""
    if not frames:
        return None
    outermost = frames[-1]
    try:
        return next((task for task in _tasks(root) if getattr(task.coro, "cr_frame", None) is outermost), None)
    except RuntimeError:
        return None  # the loop went on meanwhile, and a set changed while it was looked through


def _tasks(root: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    waiting, seen = [root], 0
    while waiting and seen < _MOST_TASKS:
        task = waiting.pop()
        seen += 1
        yield task
        for nursery in task.child_nurseries:
            waiting.extend(nursery.child_tasks)


def nursery_path(task: trio.lowlevel.Task | None) -> tuple[str, ...]:
    """The names of a task's parents, the main task first, and its own."""
    names: list[str] = []
    while task is not None:
        names.append(task.name)
        task = task.parent_nursery.parent_task if task.parent_nursery is not None else None
    return tuple(reversed(names[:-1] or names))  # the root itself is Trio's
