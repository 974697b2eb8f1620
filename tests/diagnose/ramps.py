"""Ramps of a simulated service whose machine changes speed slowly, as `Step` records.

``python -m tests.diagnose.ramps [COUNT]`` says for some kinds of service how often the interval holds the true load.
"""

from __future__ import annotations

import heapq
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from trio_lab.diagnose.saturation import saturation
from trio_lab.records.examination import Piece, Step

NOMINAL = (0.85, 1.0, 1.15, 1.3)
PIECE = 0.05  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """``servers`` of them serve ``rate`` requests a second together, with a machine whose speed wanders by ``drift`` (the
    standard deviation) within ``memory`` seconds."""

    rate: float
    servers: int = 1
    kind: str = "fixed"
    drift: float = 0.03
    memory: float = 3.0


SERVICES = {
    "exponential": Service(rate=80, kind="exponential"),
    "fixed": Service(rate=240),
    "lognormal": Service(rate=120, kind="lognormal", drift=0.05),
    "three servers": Service(rate=75, servers=3),
}


class Machine:
    """One service for the length of a ramp."""

    def __init__(self, service: Service, dice: random.Random) -> None:
        self.service, self.dice = service, dice
        self.now = 0.0
        self._speeds = self._wander()
        self._speed: list[float] = []

    def _wander(self) -> Iterator[float]:
        service, dice = self.service, self.dice
        keep = math.exp(-0.1 / service.memory)
        spread = service.drift * math.sqrt(1 - keep * keep)
        off = dice.gauss(0, service.drift)
        while True:
            yield max(0.3, 1 + off)
            off = keep * off + dice.gauss(0, spread)

    def speed(self, at: float) -> float:
        while len(self._speed) <= int(at * 10):
            self._speed.append(next(self._speeds))
        return self._speed[int(at * 10)]

    def work(self) -> float:
        mean = self.service.servers / self.service.rate
        if self.service.kind == "exponential":
            return self.dice.expovariate(1 / mean)
        return mean if self.service.kind == "fixed" else self.dice.lognormvariate(math.log(mean) - 0.125, 0.5)

    def step(self, rate: float, seconds: float, *, nominal: float, number: int) -> Step:
        """Evenly spaced arrivals to an empty service, and a drain."""
        free, ends = [0.0] * self.service.servers, []
        for arrival in range(round(rate * seconds)):
            begun = max(heapq.heappop(free), arrival / rate)
            end = begun + self.work() / self.speed(self.now + begun)
            heapq.heappush(free, end)
            ends.append(end)
        counts = [0] * (int(max(*ends, seconds) / PIECE) + 1)
        for end in ends:
            counts[int(end / PIECE)] += 1
        self.now += max(*ends, seconds)
        return Step(
            part="ramp",
            round=number,
            nominal=nominal,
            rate=rate,
            duration=seconds,
            pieces=tuple(Piece(at=at * PIECE, ok=count, failed=0) for at, count in enumerate(counts)),
        )


def ramp(service: Service, dice: random.Random, *, rounds: int = 5, seconds: float = 0.8) -> list[Step]:
    """The steps after a ladder that was wrong by up to 5 %."""
    machine, estimate = Machine(service, dice), service.rate * dice.uniform(0.95, 1.05)
    return [
        machine.step(estimate * nominal, seconds, nominal=nominal, number=number)
        for number in range(rounds)
        for nominal in NOMINAL
    ]


def covered(service: Service, count: int, *, rounds: int, seconds: float, seed: int = 1) -> float:
    """The share of simulated ramps with an interval that hold the true load in it."""
    dice, hits, intervals = random.Random(seed), 0, 0
    for _ in range(count):
        found = saturation(ramp(service, dice, rounds=rounds, seconds=seconds), concurrency=service.servers)
        if found is not None and found.interval is not None:
            low, high = found.interval
            hits += low <= service.rate <= high
            intervals += 1
    assert intervals >= 0.9 * count, "most ramps have an interval"
    return hits / intervals


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for name, service in SERVICES.items():
        for rounds, seconds in ((5, 0.8), (6, 1.4)):
            share = covered(service, times, rounds=rounds, seconds=seconds)
            print(f"{name:14} {rounds} rounds of {seconds:g} s steps: {share:.1%} of {times}")
