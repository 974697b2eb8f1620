"""Whether the machine was ours while we measured: CPU time that everything else on it used."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_BUSY = 0.05  # cores' share of others from which a figure is marked: it moves a median by more than a round repeats


class Watch:
    """Starts with its making. All children whose work counts as ours must have been reaped before `others` is read."""

    def __init__(self) -> None:
        self._began, self._machine, self._ours = time.monotonic(), _machine_seconds(), _our_seconds()

    def others(self) -> float | None:
        """Share of the machine's cores that others used since, 0…1; None when the system does not tell."""
        if self._machine is None or (now := _machine_seconds()) is None:
            return None
        spent = time.monotonic() - self._began
        foreign = (now - self._machine) - (_our_seconds() - self._ours)
        return min(1.0, max(0.0, foreign / (spent * (os.cpu_count() or 1)))) if spent else 0.0


def is_busy(others: float | None) -> bool:
    return others is not None and others > _BUSY


def _machine_seconds() -> float | None:
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, words[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def _our_seconds() -> float:
    ours = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in ours)
