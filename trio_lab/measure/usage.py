"""What this process has used: counters that only grow (CPU time, waits for a CPU), and its descriptors and memory.

Linux counts the wait for a CPU per thread, and forgets a thread that has ended. So waits are added up from reading to reading.
Threads that begin and end between two readings are missed. Standard library only.
"""

from __future__ import annotations

import gc
import os
import resource
import threading
import time
from contextlib import suppress

from ..control_group import cpu_quota, throttled_seconds
from ..cores import affinity
from ..records.health import Usage
from .cpu import stolen_seconds
from .process import children, cpu_seconds, open_descriptors, resident_bytes

_LOOP_CPU, _LOOP_RUN_DELAY = 1, 4  # among the counters


class RunDelays:
    """How long threads of this process could run and had no CPU, in seconds."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self.total = 0.0
        self.read()

    def read(self) -> None:
        """Add what has come since the last call."""
        now: dict[str, float] = {}
        with suppress(OSError):
            for thread in os.listdir("/proc/self/task"):
                with suppress(OSError, IndexError), open(f"/proc/self/task/{thread}/schedstat") as file:
                    now[thread] = int(file.read().split()[1]) / 1e9
        self.total += sum(max(0.0, waited - self._last.get(thread, 0.0)) for thread, waited in now.items())
        self._last = now

    def of(self, thread: int) -> float | None:
        """Of one thread since it began, by its native id, as last read."""
        return self._last.get(str(thread))


class Grown:
    """How much a count has grown since it began, in its unit; never less than told before.

    A child that ends moves from one of two sums to the other, and rounding, or a reading between the two, can lose a little
    of it. A counter that falls, by however little, reads as a restart to whoever takes its rate.
    """

    def __init__(self, began: float | None) -> None:
        self._began = began
        self._told = 0.0

    def go_on_from(self, count: float | None) -> None:
        """Another counter goes on, which stands at this count."""
        self._began = None if count is None else count - self._told

    def at(self, count: float | None) -> float | None:
        """Now that the count is this; None when the system does not tell it."""
        if count is None or self._began is None:
            return None
        self._told = max(self._told, count - self._began)
        return self._told


class UsageMeter:
    """Counts from when it is made, in the thread of the loop."""

    def __init__(self) -> None:
        self._measure_this_thread()
        self._delays = RunDelays()
        self._collecting: float | None = None
        self._collected = 0.0
        gc.callbacks.append(self._on_gc)
        self._began, *counts = self._counters()
        self._grown = [Grown(count) for count in counts]

    def _measure_this_thread(self) -> None:
        """It is the loop's."""
        self._loop_thread = threading.get_native_id()
        self._loop_clock = time.pthread_getcpuclockid(threading.get_ident())

    def follow(self) -> None:
        """The loop runs in this thread from now on."""
        if self._loop_thread == threading.get_native_id():
            return
        self._measure_this_thread()
        _, *counts = self._counters()
        for of_loop in (_LOOP_CPU, _LOOP_RUN_DELAY):
            self._grown[of_loop].go_on_from(counts[of_loop])

    def close(self) -> None:
        with suppress(ValueError):  # other code had cleared the list
            gc.callbacks.remove(self._on_gc)

    def _on_gc(self, phase: str, _: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._collecting = now
        elif self._collecting is not None:
            self._collected += now - self._collecting
            self._collecting = None

    def _counters(self) -> tuple[float, *tuple[float | None, ...]]:
        """The time, and the counters at that time.

        Reading a file gives the GIL away, and a loop that computes keeps it for 5 ms each time. So the clocks are read
        together, without a file in between: else a busy thread seems to use 1.7 cores in one step and 0.6 in the next.
        """
        self._delays.read()
        loop_run_delay = self._delays.of(self._loop_thread)
        return (
            time.perf_counter(),
            time.process_time(),
            self._loop_cpu(),
            _children_seconds(),
            None if loop_run_delay is None else self._delays.total,
            loop_run_delay,
            throttled_seconds(),
            stolen_seconds(),
        )

    def _loop_cpu(self) -> float | None:
        try:
            return time.clock_gettime(self._loop_clock)
        except OSError:  # its thread has ended
            return None

    def read(self) -> Usage:
        now, *counts = self._counters()
        cpu, loop_cpu, children_cpu, run_delay, loop_run_delay, throttled, stolen = (
            grown.at(count) for grown, count in zip(self._grown, counts, strict=True)
        )
        quota = cpu_quota()
        return Usage(
            elapsed=now - self._began,
            cpu=cpu or 0.0,
            loop_cpu=loop_cpu,
            children_cpu=children_cpu,
            run_delay=run_delay,
            loop_run_delay=loop_run_delay,
            throttled=throttled,
            stolen=stolen,
            gc=self._collected,
            cores=float(affinity()) if quota is None else min(float(affinity()), quota),
            descriptors=open_descriptors(os.getpid()),
            max_descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            memory=resident_bytes(os.getpid()),
        )


def _children_seconds() -> float:
    """CPU time of the child processes, those that have ended and those that live: workers live as long as their pool."""
    reaped = os.times()
    living = sum(cpu_seconds(pid, reaped=True) or 0.0 for pid in children(os.getpid()))
    return reaped.children_user + reaped.children_system + living
