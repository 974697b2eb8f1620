"""The fast lane against theory at length: `python -m tests.simulate.theory [REQUESTS]` (default: 2 million a row).

One row for each number of servers and load: the simulated mean wait, Erlang C's, and the 99 % interval of the difference
by batch means. It fails if theory is outside an interval, or more than 2 % away at loads up to 0.8.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from time import process_time

from trio_lab.admission.gate import Gate
from trio_lab.simulate.arrivals import Arrivals
from trio_lab.simulate.callers import Callers
from trio_lab.simulate.events import Events
from trio_lab.simulate.lane import FastLane
from trio_lab.simulate.service import Independent
from trio_lab.simulate.theory import mean_wait
from trio_lab.simulate.times import Times

_BATCHES = 25
_T = 2.80  # Student's t for 24 degrees of freedom, 99 % two-sided


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Mean waits in seconds, for a mean service time of one. ``margin`` is half the 99 % interval of ``simulated``."""

    simulated: float
    theory: float
    margin: float

    @property
    def error(self) -> float:
        return self.simulated / self.theory - 1


def compare(servers: int, load: float, requests: int, seed: int = 1) -> Compared:
    """Simulate an M/M/k queue. The first of 26 parts fills it, the others are batches."""
    lane = FastLane(Gate("queue", capacity=servers), Independent(Events()), seed=seed)
    rate = load * servers
    lane.open(Callers(service=Times(kind="exponential", mean=1.0)), Arrivals(rate=rate))
    means, seen = [], (0, 0.0)
    for _ in range(_BATCHES + 1):
        lane.run(requests / rate / (_BATCHES + 1))
        wait = lane.gate.statistics().wait
        assert wait is not None
        now = (wait.count, wait.mean * wait.count)
        means.append((now[1] - seen[1]) / (now[0] - seen[0]))
        seen = now
    batches = means[1:]
    return Compared(
        simulated=fmean(batches),
        theory=mean_wait(servers, rate, 1.0),
        margin=_T * stdev(batches) / sqrt(_BATCHES),
    )


def main(requests: int) -> int:
    failed = 0
    print("servers  load   simulated      theory   error   interval   requests/s of CPU time")
    for servers in (1, 4, 16, 64):
        for load in (0.5, 0.8, 0.95) if servers < 64 else (0.8, 0.95):  # at 0.5 hardly a request waits for one of 64
            began = process_time()
            found = compare(servers, load, requests)
            speed = requests / (process_time() - began)
            margin = found.margin / found.theory
            inside = abs(found.error) <= margin and (load > 0.8 or abs(found.error) <= 0.02)
            failed += not inside
            print(
                f"{servers:7} {load:5}  {found.simulated:10.6f}  {found.theory:10.6f}  {found.error:+6.2%}   "
                f"±{margin:7.2%}   {speed:10,.0f}{'' if inside else '  FAILED'}"
            )
    return failed


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)))
