"""An hour of passes, recorded in virtual time: ``python -m trio_lab.bench.peers.hour PASSES_PER_S``.

Prints the bytes that a pass monitor holds after a quarter of an hour and after the hour, its summary included. The
durations spread evenly over the orders of magnitude from 10 µs to 1 s: no real loop touches more buckets.
"""

from __future__ import annotations

import json
import random
import sys
import tracemalloc

from ...loop.passes import PassMonitor

_SPREAD = (-5.0, 0.0)  # powers of ten, seconds


class VirtualClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _minute(monitor: PassMonitor, clock: VirtualClock, passes: list[float]) -> None:
    for busy in passes:
        clock.now += busy
        monitor.before_io_wait(0.0)
        clock.now += 1e-3
        monitor.after_io_wait(0.0)


def main(passes_per_s: int) -> dict[str, float]:
    source = random.Random(1)
    clock = VirtualClock()
    tracemalloc.start()
    monitor = PassMonitor(clock)
    held = []
    for _ in range(60):
        _minute(monitor, clock, [10 ** source.uniform(*_SPREAD) for _ in range(passes_per_s * 60)])
        monitor.busy.summary()
        held.append(tracemalloc.get_traced_memory()[0])
    return {"quarter_bytes": held[14], "hour_bytes": held[-1], "passes": monitor.busy.count}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))  # noqa: T201  (a child's answer)
