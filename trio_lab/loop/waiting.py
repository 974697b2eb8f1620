"""What threads had to wait for a CPU, as Linux tells it: for one of the machine's own, and for one that a hypervisor lent."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

_TICKS = os.sysconf("SC_CLK_TCK")  # to the second
_STEAL = 8  # field of a cpu line


class Delays:
    """Seconds in which the thread that made it could have run and had no CPU, from /proc/self/task/…/schedstat: always 0.0
    without that file, which belongs to a kernel option. Any thread may `read`."""

    def __init__(self) -> None:
        self._file: int | None = None
        with suppress(OSError):
            path = f"/proc/self/task/{threading.get_native_id()}/schedstat"
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> float:
        if self._file is None:
            return 0.0
        with suppress(OSError, ValueError):
            _, delayed, _ = os.pread(self._file, 80, 0).split()
            return int(delayed) / 1e9
        return 0.0

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Steal:
    """Seconds that a hypervisor took from each CPU, in steps of 10 ms. Nothing where it never did: such a machine is not
    asked again."""

    def __init__(self) -> None:
        self._file: int | None = None
        with suppress(OSError):
            self._file = os.open("/proc/stat", os.O_RDONLY | os.O_CLOEXEC)
        if not any(self.read()):
            self.close()

    def read(self) -> tuple[float, ...]:
        if self._file is None:
            return ()
        with suppress(OSError):
            return stolen_from(os.pread(self._file, 16_384, 0))
        return ()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def stolen_from(stat: bytes) -> tuple[float, ...]:
    """Seconds that were stolen from each CPU, of the text of /proc/stat, the end of which may be missing."""
    lines = [line.split() for line in stat.split(b"\n")[1:-1] if line.startswith(b"cpu")]
    return tuple(int(fields[_STEAL]) / _TICKS for fields in lines if len(fields) > _STEAL)
