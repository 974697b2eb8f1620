"""Calls to the kernel that keep the GIL, for the loop's thread. Those in `os` release it.

A thread that releases the GIL beside one that computes gets it back after 5 ms at best. A hook of the loop must not cost
that, and none of these calls waits, except `Timer.wait`.
"""

from __future__ import annotations

import ctypes
import math
import os
from typing import Any

_MONOTONIC = 1  # CLOCK_MONOTONIC


def _function(name: str, *arguments: Any) -> Any:
    found = getattr(ctypes.PyDLL(None, use_errno=True), name)
    found.argtypes = arguments
    return found


_pread = _function("pread", ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long)
_pread.restype = ctypes.c_ssize_t
_timer_create = _function("timerfd_create", ctypes.c_int, ctypes.c_int)
_timer_set = _function("timerfd_settime", ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_Setting = ctypes.c_long * 4  # struct itimerspec: the interval, then the time until it ends; seconds and nanoseconds


def read_at_begin(file: int, size: int) -> bytes:
    """The first bytes of a file, empty when it cannot be read."""
    buffer = ctypes.create_string_buffer(size)
    found = _pread(file, buffer, size, 0)
    return buffer.raw[: max(0, found)]


class Timer:
    """A timer of the kernel that one thread waits for, and any thread may put off without waking that thread.

    Raises:
        OSError: there is no descriptor left for it.
    """

    def __init__(self) -> None:
        self._file: int = _timer_create(_MONOTONIC, os.O_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._setting: tuple[float, Any] = (math.nan, None)  # the last one

    def set(self, seconds: float) -> None:
        """Let it end so many seconds from now, whatever was set before."""
        last, setting = self._setting
        if seconds != last:  # as it hardly ever is
            setting = _Setting(0, 0, *divmod(max(1, round(seconds * 1e9)), 1_000_000_000))
            self._setting = seconds, setting
        _timer_set(self._file, 0, setting, None)

    def fileno(self) -> int:
        """For a selector: it is readable from its end until it is set again, or was waited for."""
        return self._file

    def wait(self) -> None:
        """Wait, without the GIL, until it has ended."""
        os.read(self._file, 8)

    def close(self) -> None:
        """Nothing may wait for it any more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
