"""What background jobs cost in the SQLite engine, beside huey's: alone, in eight processes at once, and when many jobs wait."""

from __future__ import annotations

from functools import partial
from statistics import median

from ...diagnose.ratios import ratios
from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ..found import package
from ..model import Benchmark, Measured
from ..peers import job_processes, job_queues

_HUEY = package("huey")
_FEW, _MANY = 1_000, 1_000_000
_GOAL = 25_000.0  # cycles a second of 64 tasks
_ONE = 1_300.0  # of one task
_THREADS = (1, 8)  # of huey; the better one is compared with
_PROCESSES, _TASKS = 8, 64  # tasks of each process
_LONGEST = 0.25  # seconds
_PICKED_UP, _IDLE = 3.0, 0.005  # ms, and the share of a core


def _contestants(stage: Stage) -> dict[str, Contestant[float]]:
    seconds = stage.seconds(4, quick=2)
    ours = {
        f"ours, {tasks} task{'s' * (tasks > 1)}": partial(alone, partial(job_queues.cycles_per_s, tasks, seconds))
        for tasks in (64, 1)
    }
    huey = {
        f"huey, {threads} thread{'s' * (threads > 1)}": partial(
            alone, partial(job_queues.huey_cycles_per_s, threads, seconds)
        )
        for threads in _THREADS
    }
    return {**ours, **(huey if "huey" in stage.peers else {})}


async def _run(stage: Stage) -> Measured:
    rates = await stage.in_turn(_contestants(stage), stage.rounds(5, quick=3))
    together = [
        await job_processes.shared(_PROCESSES, _TASKS, stage.count(20_000, quick=4_000))
        for _ in range(stage.rounds(3, quick=1))
    ]
    depths, rounds = [_FEW, stage.count(_MANY, quick=100_000)], stage.rounds(25, quick=7)
    costs = await alone(partial(job_queues.costs_us, depths, rounds))
    picked = await alone(partial(job_queues.pick_up, stage.count(300, quick=100)))
    few, many = (costs[str(depth)] for depth in depths)
    found = {
        "1 000 000 waiting ÷ 1 000": ratios(many, few),
        "64 tasks ÷ 25 000/s": [rate / _GOAL for rate in rates["ours, 64 tasks"]],
        "1 task ÷ 1 300/s": [rate / _ONE for rate in rates["ours, 1 task"]],
        "8 processes ÷ 25 000/s": [one.per_s / _GOAL for one in together],
        "8 processes, slowest ÷ fastest": [one.fairness for one in together],
        "8 processes, longest wait ÷ 250 ms": [one.longest / _LONGEST for one in together],
        "8 processes, calls that were locked out": [float(one.locked) for one in together],
        "pick-up p99 ÷ 3 ms": [picked["p99_ms"] / _PICKED_UP],
        "idle CPU ÷ 0.5 %": [picked["idle_share"] / _IDLE],
    }
    if "huey" in stage.peers:
        theirs = [max(pair) for pair in zip(*(rates[name] for name in rates if "huey" in name), strict=True)]
        found["huey"] = ratios(rates["ours, 64 tasks"], theirs)
    figures = {f"{name}, cycles/s": median(values) for name, values in rates.items()}
    figures["8 processes, cycles/s"] = median(one.per_s for one in together)
    figures |= {f"{depth} waiting, µs": median(costs[str(depth)]) for depth in depths}
    return Measured(ratios=found, figures={**figures, **{f"pick-up, {name}": value for name, value in picked.items()}})


_GOALS = {
    "huey": Goal(relation=">=", bound=8.0),
    "64 tasks ÷ 25 000/s": Goal(relation=">=", bound=1.0),
    "1 task ÷ 1 300/s": Goal(relation=">=", bound=1.0),
    "8 processes ÷ 25 000/s": Goal(relation=">=", bound=1.0),
    "8 processes, slowest ÷ fastest": Goal(relation=">=", bound=0.8),
    "8 processes, longest wait ÷ 250 ms": Goal(relation="<=", bound=1.0),
    "8 processes, calls that were locked out": Goal(relation="<=", bound=0.0),
    "1 000 000 waiting ÷ 1 000": Goal(relation="<=", bound=1.1),
    "pick-up p99 ÷ 3 ms": Goal(relation="<=", bound=1.0),
    "idle CPU ÷ 0.5 %": Goal(relation="<=", bound=1.0),
}

BENCHMARK = Benchmark(
    name="job-queue",
    order=18,
    question="How many background jobs a second, each safe on the disk, and does it matter how many wait?",
    peers=(_HUEY,),
    ratios=tuple(_GOALS),
    goals=_GOALS,
    run=_run,
)
