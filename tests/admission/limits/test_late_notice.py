"""In virtual time: short jobs in threads, whose ends the event loop notices late, because it is busy with the replies.

A hash of 3 ms on two cores, and 2.2 ms of the loop for each reply. One thread is idle until the loop has noticed its job's end;
two keep the loop busy. So the knee is at 1.4 threads. Rounded down to one thread, the goodput was 0.73 of the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from trio_lab.admission.by_patience import ByPatience
from trio_lab.admission.gate import SUCCESS, Decision, Gate, Place
from trio_lab.admission.limits.limit import Limit, Outcome
from trio_lab.admission.limits.neighbours import Neighbours
from trio_lab.simulate.callers import Callers
from trio_lab.simulate.events import Events
from trio_lab.simulate.lane import FastLane
from trio_lab.simulate.service import Cores
from trio_lab.simulate.times import Times

HASH, REPLY, LEAVER = 0.003, 0.0022, 0.0004  # seconds: of a core, of the loop, of the loop


class LateGate(Gate):
    """It is told how late each end was noticed."""

    def __init__(self, limit: Limit | int) -> None:
        fixed = limit if isinstance(limit, int) else None
        super().__init__(
            "pool",
            capacity=fixed or 1,
            discipline=ByPatience(random=Random(1).random),
            limit=None if isinstance(limit, int) else limit,
        )
        self.delays: dict[Place, float] = {}

    def leave(
        self, place: Place, now: float, outcome: Outcome = SUCCESS, loop_delay: float = 0.0
    ) -> Sequence[Decision]:
        return super().leave(place, now, outcome, self.delays.pop(place))


class BusyLoop(FastLane):
    """Threads compute on two cores, and the loop notices one end after the other."""

    gate: LateGate

    def __init__(self, limit: Limit | int) -> None:
        super().__init__(LateGate(limit), Cores(Events(), 2))
        self.service.on_end = self._compute_ends
        self._free_at = 0.0
        times = Times(kind="lognormal", mean=HASH, sigma=0.2)
        pause, think = Times(mean=0.002), Times(mean=0.001)
        self.crowd = self.close(Callers(service=times, patience=Times(mean=0.3), pause=pause, think=think), 60)

    def goodput(self, settle: float, measured: float) -> float:
        self.run(settle)
        served = self.crowd.served
        self.run(measured)
        return (self.crowd.served - served) / measured

    def _takes_the_loop(self, seconds: float) -> float:
        begin = max(self.events.now, self._free_at)
        self._free_at = begin + seconds
        return begin

    def _compute_ends(self, place: Place) -> None:
        noticed = self._takes_the_loop(REPLY)
        self.gate.delays[place] = noticed - self.events.now
        self.events.at(noticed, self._end, place)

    def _leave(self, place: Place) -> None:
        if place.caller.place is place:
            self._takes_the_loop(LEAVER)
        super()._leave(place)


@pytest.mark.parametrize("start", [1, 40])
def test_a_pool_of_short_jobs_gets_as_many_threads_as_keep_the_loop_busy(start: int) -> None:
    fixed = [BusyLoop(threads).goodput(1.0, 3.0) for threads in (1, 2, 3)]
    assert fixed[0] < 0.8 * max(fixed)
    assert BusyLoop(Neighbours(start, highest=256)).goodput(15.0, 10.0) >= 0.95 * max(fixed)
