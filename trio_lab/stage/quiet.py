"""What the machine did while we measured: how much of it other programs used, and how fast it was."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import replace
from pathlib import Path

import trio

from ..control_group import throttled_seconds
from ..diagnose.disturbance import disturbance
from ..measure.process import children, cpu_seconds
from ..records.conditions import Conditions

_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = os.cpu_count() or 1
_LOOK = 0.5  # seconds; the system counts in hundredths, so a share of a few per cent is seen
_PAUSE = 0.5
_TURNS = 100_000  # of the loop that measures the speed: some milliseconds, so that one interrupt does not show


class Watch:
    """Counts from when it is made. This process and its descendants, alive or reaped, are not others.

    With ``speed`` a short fixed loop is computed at the begin and at the end, when nothing else of ours should run.
    """

    def __init__(self, *, speed: bool = False) -> None:
        self._speed = machine_speed() if speed else None
        self._began, self._machine, self._ours = time.monotonic(), _machine(), our_seconds()
        self._throttled = throttled_seconds()

    def conditions(self) -> Conditions:
        """What happened since."""
        now, spent, throttled = _machine(), time.monotonic() - self._began, throttled_seconds()
        found = Conditions()
        if spent and now is not None and self._machine is not None:
            busy, stolen = (after - before for before, after in zip(self._machine, now, strict=True))
            others = busy - (our_seconds() - self._ours)
            found = replace(found, others=_share(others, spent * _CORES), stolen=_share(stolen, spent * _CORES))
        if spent and throttled is not None and self._throttled is not None:
            found = replace(found, throttled=_share(throttled - self._throttled, spent * _CORES))
        if self._speed:
            speed = machine_speed()
            found = replace(found, speed=speed, drift=abs(speed / self._speed - 1))
        return replace(found, disturbance=disturbance(found))

    def disturbed(self) -> bool:
        return self.conditions().disturbance != "none"


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


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole))


def _machine() -> tuple[float, float] | None:
    """CPU seconds of all programs on the machine, and those that its host took away from it; both since it was started."""
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, words[1:9])
    return (user + nice + system + irq + softirq) / _TICKS, steal / _TICKS


def our_seconds() -> float:
    """CPU seconds of this process and all of its descendants, those that have ended too."""
    reaped = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in reaped) + _living(os.getpid())


def _living(pid: int) -> float:
    """CPU seconds of all descendants that live, and of those that these have reaped."""
    return sum((cpu_seconds(child, reaped=True) or 0.0) + _living(child) for child in children(pid))


def machine_speed() -> float:
    """Millions of turns of a fixed loop in a second of this thread's CPU time: the clock's speed, whoever else computes."""
    return _TURNS / max(1e-9, min(_loop() for _ in range(3))) / 1e6


def _loop() -> float:
    began = time.thread_time()
    for _ in range(_TURNS):
        pass
    return time.thread_time() - began
