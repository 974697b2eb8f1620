"""Simulated pairs of pieces, on a machine whose speed wanders and of programs that are each slow now and then.

``python -m tests.diagnose.pairs [COUNT]`` says for some kinds of noise how often a change without an effect is called one, and
how often an effect is found.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from trio_lab.diagnose.paired import looks
from trio_lab.diagnose.proof import decided, effect_of, outcome_of
from trio_lab.records.proof import Measure, Outcome, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Standard deviations of logarithms. ``machine`` wanders within ``memory`` seconds and is common to both programs,
    ``program`` is each one's own and wanders as slowly, ``piece`` is new each time. ``start`` stays as it is."""

    machine: float = 0.06
    memory: float = 3.0
    program: float = 0.0
    piece: float = 0.025
    start: float = 0.0


NOISES = {
    "a quiet machine": Noise(machine=0.02, piece=0.026),
    "a machine that drifts slowly": Noise(machine=0.1, memory=20.0),
    "a machine that drifts within a second": Noise(memory=1.0),
    "programs that drift": Noise(program=0.015),
    "starts that differ": Noise(start=0.005),
}


def wander(dice: random.Random, sd: float, memory: float, step: float) -> Iterator[float]:
    keep = math.exp(-step / memory)
    off = dice.gauss(0, sd)
    while True:
        yield off
        off = keep * off + dice.gauss(0, sd * math.sqrt(1 - keep * keep))


def pairs(noise: Noise, dice: random.Random, effect: float, piece: float) -> Iterator[tuple[float, float]]:
    """Endless pairs of pieces that take so many seconds each."""
    machine = wander(dice, noise.machine, noise.memory, piece)
    programs = [wander(dice, noise.program, noise.memory, piece) for _ in range(2)]
    gains = [dice.gauss(0, noise.start), dice.gauss(0, noise.start) + math.log(effect)]
    while True:
        found = [0.0, 0.0]
        for which in dice.sample((0, 1), 2):
            now, own = next(machine), [next(program) for program in programs]
            found[which] = math.exp(now + own[which] + gains[which] + dice.gauss(0, noise.piece))
        yield found[0], found[1]


def outcome(noise: Noise, dice: random.Random, *, measure: Measure, effect: float, most: int, piece: float) -> Outcome:
    """Of a whole trial, with all its looks."""
    source, seen = pairs(noise, dice, effect, piece), []
    while True:
        seen.append(next(source))
        trial = Trial(variables={}, measure=measure, clients=1, piece=piece, pairs=tuple(seen), looks=len(looks(most)))
        if decided(trial, most):
            return outcome_of(effect_of(trial), measure)


def outcomes(noise: Noise, count: int, *, effect: float = 1.0, measure: Measure = "throughput") -> dict[Outcome, float]:
    """The share of each outcome. A piece of throughput takes half a second, one of latency a whole one."""
    dice = random.Random(11)
    most, piece = (50, 0.6) if measure == "throughput" else (14, 1.1)
    found = Counter(outcome(noise, dice, measure=measure, effect=effect, most=most, piece=piece) for _ in range(count))
    return {name: number / count for name, number in found.items()}


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for name, noise in NOISES.items():
        for measure, gain in (("throughput", 1.1), ("p50", 1 / 1.05)):
            false = outcomes(noise, times, measure=measure)  # type: ignore[arg-type]
            true = outcomes(noise, times // 4, effect=gain, measure=measure)  # type: ignore[arg-type]
            wrong = false.get("helps", 0) + false.get("worse", 0)
            print(f"{name:38} {measure:10} false {wrong:.1%}, no effect {false.get('no effect', 0):.0%}; ", end="")
            print(f"{abs(gain - 1):.0%} found in {true.get('helps', 0):.1%}", flush=True)
