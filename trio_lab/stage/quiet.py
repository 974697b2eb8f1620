"""How much of the machine other programs used while we measured."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import trio

from ..measure.process import children, cpu_seconds

_TICKS = os.sysconf("SC_CLK_TCK")
_BUSY = 0.05  # share of the cores from which on a median moves by more than rounds differ anyway
_LOOK = 0.5  # seconds; the system counts in hundredths, so a share of a few per cent is seen
_PAUSE = 0.5


class Watch:
    """Counts from when it is made. This process and its descendants, alive or reaped, are not others."""

    def __init__(self) -> None:
        self._began, self._machine, self._ours = time.monotonic(), _machine_seconds(), _our_seconds()

    def others(self) -> float | None:
        """Share of the machine's cores that others used since, 0…1; None when the system does not tell."""
        if self._machine is None or (now := _machine_seconds()) is None:
            return None
        spent = time.monotonic() - self._began
        foreign = (now - self._machine) - (_our_seconds() - self._ours)
        return min(1.0, max(0.0, foreign / (spent * (os.cpu_count() or 1)))) if spent else 0.0

    def disturbed(self) -> bool:
        return is_busy(self.others())


def is_busy(others: float | None) -> bool:
    return others is not None and others > _BUSY


async def wait_quiet(patience: float) -> float:
    """Wait until other programs leave the machine alone, for ``patience`` seconds at most; returns the seconds lost."""
    if patience <= 0:
        return 0.0
    began = trio.current_time()
    with trio.move_on_after(patience):
        while True:
            watch = Watch()
            await trio.sleep(_LOOK)
            if not watch.disturbed():
                break
            await trio.sleep(_PAUSE)
    return max(0.0, trio.current_time() - began - 2 * _LOOK)


def _machine_seconds() -> float | None:
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, words[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def _our_seconds() -> float:
    reaped = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in reaped) + _living(os.getpid())


def _living(pid: int) -> float:
    """CPU seconds of all descendants that live."""
    return sum((cpu_seconds(child) or 0.0) + _living(child) for child in children(pid))
