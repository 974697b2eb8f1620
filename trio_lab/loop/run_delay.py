"""How long threads waited for a CPU, as Linux counts it: on the run queue (run delay) and for the hypervisor (steal)."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from .kernel import read_at_begin

_TICKS = os.sysconf("SC_CLK_TCK")  # per second
_STEAL = 8  # the field's number in a cpu line


class _Counters:
    """A file of the kernel's that is read again and again; None if it cannot be opened, or was closed."""

    _file: int | None = None

    def __init__(self, path: str) -> None:
        with suppress(OSError):
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class RunDelay(_Counters):
    """Of the thread that made this object, from /proc/self/task/…/schedstat: in how many seconds it could run and had no CPU,
    and how often it was given one.

    Without that file, which needs a kernel option, `read` always returns zeros. Any thread may call it.
    """

    def __init__(self) -> None:
        super().__init__(f"/proc/self/task/{threading.get_native_id()}/schedstat")

    def read(self) -> tuple[float, int]:
        if self._file is None:
            return 0.0, 0
        with suppress(ValueError):
            _, delayed, turns = read_at_begin(self._file, 80).split()
            return int(delayed) / 1e9, int(turns)
        return 0.0, 0


class Steal(_Counters):
    """Seconds that the hypervisor took from each CPU, in steps of 10 ms.

    On a machine where none were ever taken `read` returns an empty tuple, without reading the file again.
    """

    def __init__(self) -> None:
        super().__init__("/proc/stat")
        if not any(self.read()):
            self.close()

    def read(self) -> tuple[float, ...]:
        if self._file is None:
            return ()
        return stolen_from(read_at_begin(self._file, 16_384))


def stolen_from(stat: bytes) -> tuple[float, ...]:
    """Seconds stolen from each CPU, by the text of /proc/stat, which may be cut off at its end."""
    lines = [line.split() for line in stat.split(b"\n")[1:-1] if line.startswith(b"cpu")]
    return tuple(int(fields[_STEAL]) / _TICKS for fields in lines if len(fields) > _STEAL)
