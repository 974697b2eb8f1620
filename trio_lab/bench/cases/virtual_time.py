"""How fast requests are simulated at the real gate, beside SimPy, which simulates a queue of its own.

Both simulate the same M/M/1 queue. SimPy counts the waits only; ours admits each request by the gate, with its default
discipline or first come, first served as SimPy's, and keeps histograms. To learn of the callers takes a fifth of the time.

What the fast lane is for is in the other ratios: an hour of overload, with callers that leave and a gate that learns from
them; memory that does not grow; waits that are right.
"""

from __future__ import annotations

from functools import partial
from statistics import median

from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ..found import package
from ..model import Benchmark, Measured
from ..peers import virtual_time

_SIMPY = package("simpy")
_SPEED = 100_000  # requests a second
_RATE = 30.0  # requests a second in the hour, twice what the servers can do
_HOUR = 2.0  # seconds that the hour may take
_ERROR = 0.02
_OURS, _THEIRS, _FIFO = f"{_SPEED:,} requests a second", "simpy", "simpy, first come, first served"
_OVERLOAD, _MEMORY = "an hour of overload ÷ 2 s", "memory after all ÷ after a tenth"
_THEORY, _INSIDE = "error of waits ÷ 2 %", "error of waits ÷ half its 99 % interval"
_LONG = 1800.0  # seconds that the comparison with theory may take


async def _run(stage: Stage) -> Measured:
    requests = stage.count(200_000, quick=40_000)
    contestants: dict[str, Contestant[float]] = {
        "ours": partial(alone, partial(virtual_time.ours, requests)),
        "ours, fifo": partial(alone, partial(virtual_time.ours, requests, "fifo")),
        "hour": partial(alone, partial(virtual_time.overload, _RATE)),
    }
    if _SIMPY.name in stage.peers:
        contestants["simpy"] = partial(alone, partial(virtual_time.simpy, requests))
    found = await stage.in_turn(contestants, stage.rounds(7, quick=3))
    memory = await alone(partial(virtual_time.memory, stage.count(1_000_000, quick=200_000)))
    errors = await alone(partial(virtual_time.errors, stage.count(4_000_000, quick=100_000)), limit=_LONG)
    compared = Measured.compared(found, {_THEIRS: ("ours", "simpy"), _FIFO: ("ours, fifo", "simpy")}, "{}, median")
    return Measured(
        ratios={
            **compared.ratios,
            _OURS: [speed / _SPEED for speed in found["ours"]],
            _OVERLOAD: [seconds / _HOUR for seconds in found["hour"]],
            _MEMORY: [memory.all / memory.tenth],
            _THEORY: [errors.share / _ERROR],
            _INSIDE: [errors.in_intervals],
        },
        figures={
            "requests a second, ours": median(found["ours"]),
            **({"customers a second, SimPy": median(found["simpy"])} if "simpy" in found else {}),
            "seconds for an hour of overload": median(found["hour"]),
            "MB after all": memory.all / 1e6,
        },
    )


BENCHMARK = Benchmark(
    name="virtual-time",
    order=11,
    question="How many requests a second are simulated at the real gate, and are their waits those of theory?",
    peers=(_SIMPY,),
    ratios=(_OURS, _THEIRS, _FIFO, _OVERLOAD, _MEMORY, _THEORY, _INSIDE),
    goals={
        _OURS: Goal(relation=">=", bound=1.0),
        _THEIRS: Goal(relation=">=", bound=1.0),
        _FIFO: Goal(relation=">=", bound=1.0),
        _OVERLOAD: Goal(relation="<=", bound=1.0),
        _MEMORY: Goal(relation="<=", bound=1.05),
        _THEORY: Goal(relation="<=", bound=1.0),
        _INSIDE: Goal(relation="<=", bound=1.0),
    },
    run=_run,
)
