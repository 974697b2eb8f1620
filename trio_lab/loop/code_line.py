"""Which line of code and which task the loop's thread is in. Only names and numbers are kept: no frames, no locals.

The line to blame is the innermost one that the reader can change: for a catastrophic pattern the caller of `re` and not
`re`, for a slow handler the handler and not the framework that called it.
"""

from __future__ import annotations

import inspect
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType


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
_POLL = "timed_poll"  # the function of ours that polls: see `loop_time`
_IMPORTS = "<frozen importlib._bootstrap>"
# Hooks of the watch that ran at that moment; they are not the task's code.
_OURS = {
    os.path.normpath(Path(__file__).parent / name)
    for name in (
        "watch.py",
        "watchdog.py",
        "wakes.py",
        "kernel.py",
        "run_delay.py",
        "loop_time.py",
        "step_log.py",
        "steps.py",
        "trio_instruments.py",
        "asyncio_loop.py",
        "asyncio_steps.py",
        "uvloop_passes.py",
        "uvloop_steps.py",
        "../measure/usage.py",
    )
}
# Reads figures for the doctor, in the loop of a program that does not know it. See `quiet_watch`.
_READING = os.path.normpath(Path(__file__).parent / "../attach/reporter.py")
_COROUTINE = inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE | inspect.CO_ASYNC_GENERATOR


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
    """0 for the program's own code, 1 for an installed package, 2 for Python's library and code without a file; -1 for what
    reads the watch's own figures, whatever it calls."""
    if filename == _READING:
        return -1
    if filename.startswith(_PACKAGES) or not _PACKAGE_FOLDERS.isdisjoint(filename.split(os.sep)):
        return 1
    return 2 if filename.startswith(("<", *_LIBRARY)) else 0


def step_frames(frame: FrameType | None, is_loop: Callable[[CodeType], bool]) -> list[FrameType]:
    """The frames from this one outwards to those of the event loop, which are the step that it runs; none during a poll,
    and outside of the loop's frames all."""
    frames = []
    while frame is not None and not is_loop(code := frame.f_code):
        if code.co_filename not in _OURS:
            frames.append(frame)
        elif code.co_name == _POLL:
            frames.clear()
        frame = frame.f_back
    return frames


def blamed(frames: list[FrameType]) -> CodeLine:
    """The innermost line of the program's own code, else of an installed package, else of Python's library.

    Raises:
        ValueError: there is no frame.
    """
    frame = frames[nearest([frame.f_code.co_filename for frame in frames])]
    code = frame.f_code
    return _code_line(code.co_filename, frame.f_lineno or 0, code.co_qualname)


_code_line = lru_cache(512)(
    CodeLine
)  # most looks see a line that was seen before, and to make a frozen object takes long


def nearest(filenames: Sequence[str]) -> int:
    """Which of the files of a stack, innermost first, is nearest to the reader of the program; see `blamed`."""
    distances = [*map(_distance, filenames)]
    return distances.index(min(distances))


def coroutines(frames: list[FrameType]) -> int:
    """A number that stands for the coroutines among these frames; it is another one when the step is in another await.

    See `awaits` for what it is compared with.
    """
    return hash(tuple(id(frame.f_code) for frame in frames if frame.f_code.co_flags & _COROUTINE)) & 0xFFFFFFFF


def importing(frames: list[FrameType]) -> bool:
    """Whether a module is being imported."""
    return any(frame.f_code.co_filename == _IMPORTS for frame in frames)
