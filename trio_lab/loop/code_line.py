"""Which line of code and which task the loop's thread is in. Only names and numbers are kept: no frames, no locals.

The line to blame is the innermost one that the reader can change: for a catastrophic pattern the caller of `re` and not
`re`, for a slow handler the handler and not the framework that called it.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FrameType

import trio


def _within(*folders: str | None) -> tuple[str, ...]:
    """The beginnings of the paths of all files in these folders."""
    return tuple({folder.rstrip(os.sep) + os.sep for folder in folders if folder})


# With a virtual environment the library is that of the Python that it was made with, perhaps under a link. It may be a zip.
_ZIPPED = os.path.join(sys.base_exec_prefix, sys.platlibdir, f"python{sys.version_info[0]}{sys.version_info[1]}.zip")
_LIBRARY = _within(*map(sysconfig.get_path, ("stdlib", "platstdlib")), os.path.dirname(os.__file__), _ZIPPED)
# Debian's Python has folders of packages that `sysconfig` does not name, and with -I or -S `site` names fewer than exist.
_PACKAGES = _within(
    *map(sysconfig.get_path, ("purelib", "platlib")), *site.getsitepackages(), site.getusersitepackages()
)
_PACKAGE_FOLDERS = {"site-packages", "dist-packages"}
_LOOP = "unrolled_run"  # Trio's run loop; the frames below it are the step of one task
# Hooks of the watch that ran at that moment; they are not the task's code.
_OURS = {str(Path(__file__).with_name(name)) for name in ("watch.py", "loop_time.py", "steps.py")}
_MOST_TASKS = 100_000  # looked through for the running one


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line of code, with the qualified name of its function."""

    filename: str
    lineno: int
    function: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.lineno} in {self.function}"


@lru_cache(4096)
def _distance(filename: str) -> int:
    """0 for the program's own code, 1 for an installed package, 2 for Python's library and code without a file."""
    if filename.startswith(_PACKAGES) or not _PACKAGE_FOLDERS.isdisjoint(filename.split(os.sep)):
        return 1
    return 2 if filename.startswith(("<", *_LIBRARY)) else 0


def step_frames(frame: FrameType | None) -> list[FrameType]:
    """The frames of the step that the loop's thread is in, innermost first; outside a step all frames of the thread."""
    frames = []
    while frame is not None and frame.f_code.co_name != _LOOP:
        if frame.f_code.co_filename not in _OURS:
            frames.append(frame)
        frame = frame.f_back
    return frames


def blamed(frames: list[FrameType]) -> CodeLine:
    """The innermost line of the program's own code, else of an installed package, else of Python's library.

    Raises:
        ValueError: there is no frame.
    """
    frame = min(enumerate(frames), key=lambda found: (_distance(found[1].f_code.co_filename), found[0]))[1]
    return CodeLine(frame.f_code.co_filename, frame.f_lineno or 0, frame.f_code.co_qualname)


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
