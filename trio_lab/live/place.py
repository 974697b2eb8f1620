"""Where a loop's thread is while it runs C code that holds the GIL, and no Python code of the process can look.

`faulthandler` can have a signal answered by a handler written in C, which writes the stack of the thread that gets the signal
into a file. It needs no GIL, so it also answers within a `re.match` that takes half a minute. Here the file is a pipe, and the
process beside the service sends the signal to the loop's thread and reads the answer.

The signal is one of the real-time signals, which programs hardly use; one for which a handler is there already is left alone.
Before it is sent, the system is asked whether the process still has a handler, because without one the signal would end it. The
handler restarts a system call that the signal interrupts.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..loop.code_line import CodeLine, nearest
from ..measure.process import catches
from ..worker import lifeline

_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
_LOOPS = (  # the frames of the loop itself: further out there is nothing of the step
    ("/trio/_core/_run.py", "unrolled_run"),
    ("/asyncio/events.py", "_run"),
    ("/asyncio/base_events.py", "_run_once"),
    ("/asyncio/runners.py", "run"),
)
_ANSWER_TIME, _PAUSE = 0.3, 0.01  # seconds
_TGKILL = {"x86_64": 234, "aarch64": 131}


@contextmanager
def answering(pipe: int) -> Iterator[int | None]:
    """While the block lasts, a signal has the stack of the thread that gets it written into the pipe. Its number; None if there
    is none to be had."""
    number = next(filter(_is_free, range(signal.SIGRTMAX - 1, signal.SIGRTMIN, -1)), None)
    if number is None:
        yield None
        return
    faulthandler.register(number, file=pipe, all_threads=False, chain=False)
    try:
        yield number
    finally:
        faulthandler.unregister(number)


def _is_free(number: int) -> bool:
    return signal.getsignal(number) is signal.SIG_DFL and not catches(os.getpid(), number)


@contextmanager
def open_answers() -> Iterator[tuple[int, int]]:
    """A pipe for the answers: where they are read, and where they are written. A handler must never wait, so neither end
    blocks."""
    ends = lifeline.open_pipe()
    try:
        for end in ends:
            os.set_blocking(end, False)
        yield ends
    finally:
        for end in ends:
            lifeline.close(end)


class Asking:
    """Asks one thread of another process. Each answer takes about a hundredth of a second."""

    def __init__(self, pid: int, thread: int, number: int | None, answers: int) -> None:
        self._pid, self._thread, self._number, self._answers = pid, thread, number, answers
        system = _TGKILL.get(os.uname().machine)
        self._syscall = None if system is None else ctypes.CDLL(None, use_errno=True).syscall
        self._tgkill = system

    def place(self) -> CodeLine | None:
        """The line that the thread is in; None if there was no answer. Takes up to a third of a second."""
        self._read()  # the rest of an earlier answer that came too late
        if not self._ask():
            return None
        text, end = "", time.monotonic() + _ANSWER_TIME
        while time.monotonic() < end:
            time.sleep(_PAUSE)
            more = self._read()
            if text and not more:
                return line_of(text)
            text += more
        return line_of(text)

    def _ask(self) -> bool:
        if self._number is None or self._syscall is None or not catches(self._pid, self._number):
            return False
        return bool(self._syscall(self._tgkill, self._pid, self._thread, self._number) == 0)

    def _read(self) -> str:
        with suppress(BlockingIOError):
            return os.read(self._answers, 1 << 16).decode("ascii", errors="replace")
        return ""


def line_of(text: str) -> CodeLine | None:
    """The line to blame in a stack as faulthandler writes it, innermost frame first."""
    frames: list[CodeLine] = []
    for filename, line, function in _FRAME.findall(text):
        if any(filename.endswith(file) and function == name for file, name in _LOOPS):
            break
        frames.append(CodeLine(filename, int(line), function))
    return frames[nearest([frame.filename for frame in frames])] if frames else None
