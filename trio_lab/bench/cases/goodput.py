"""How much of the capacity is useful to a hundred clients when nobody tells the server how long they wait?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

from ...load.patience import Patience
from ...load.retry import Retry
from ...records.benchmark import Goal
from ...records.load import LoadResult
from ...stage.crowd import CLIENTS, KINDS, capacity, crowd
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ..model import Benchmark, Measured

_LEARNING = 1.5  # seconds that do not count
_LONGEST = 3.0  # the longest patience: until then no client with it has left
_RUNTIMES = ("trio", "asyncio")
_ROUTES = ("/hash", "/worker-hash")
_STORM = "1 s, again after 50 ms"
_CROWDS: Mapping[str, tuple[Patience, Retry | None]] = {
    **{kind: (patience, None) for kind, patience in KINDS.items()},
    _STORM: (KINDS["1 s"], Retry(most=1_000_000, first=0.05)),
}
_LEAST = {
    "0.3 s": 0.92,
    "1 s": 0.95,
    "3 s": 0.97,
    "mixed": 0.93,
    "exponential": 0.87,
    _STORM: 0.90,
}  # goodput ÷ capacity
_MOST_REFUSED = 0.01  # of the requests of clients that wait 3 s: long enough for nearly all
_TELLING = "3 s"  # the patience at which a refusal is needless
_CAPACITY, _REFUSED = "capacity, replies/s", f"{_TELLING}, refused"
_SERVERS = [(runtime, route) for runtime in _RUNTIMES for route in _ROUTES]

Server = tuple[str, str]


def _named(server: Server, kind: str) -> str:
    runtime, route = server
    return f"{runtime} {route}, {kind}"


def _goals() -> Mapping[str, Goal]:
    found = {
        _named(server, kind): Goal(relation=">=", bound=bound) for server in _SERVERS for kind, bound in _LEAST.items()
    }
    refused = Goal(relation="<=", bound=_MOST_REFUSED)
    return found | {_named(server, _REFUSED): refused for server in _SERVERS}


_GOALS = _goals()


def _contestants(stage: Stage) -> dict[str, Contestant[Any]]:
    """The capacity of each server, and its crowds; by name."""
    seconds = _LEARNING + stage.seconds(5, quick=2.5)
    found: dict[str, Contestant[Any]] = {}
    for runtime, route in _SERVERS:
        found[_named((runtime, route), _CAPACITY)] = partial(
            capacity, stage, route, seconds=stage.seconds(4, quick=2), runtime=runtime
        )
        for kind, (patience, retry) in _CROWDS.items():
            found[_named((runtime, route), kind)] = partial(
                crowd,
                stage,
                route,
                runtime=runtime,
                connections=CLIENTS,
                duration=seconds + (_LONGEST if kind == _TELLING else 0.0),
                leave_after=patience,
                retry=retry,
            )
    return found


def _cost(runs: Sequence[LoadResult]) -> dict[str, float]:
    """What explains a ratio: medians of the rounds."""
    return {
        "the client's CPU, of a core": median(run.generator.cpu_share for run in runs),
        "lost requests per second": median((run.requests.shed + run.requests.timed_out) / run.duration for run in runs),
        "clients never served": median(run.unserved or 0 for run in runs),
    }


async def _run(stage: Stage) -> Measured:
    found = await stage.in_turn(_contestants(stage), stage.rounds(3, quick=1))
    ratios: dict[str, list[float]] = {}
    figures: dict[str, float | None] = {}
    for server in _SERVERS:
        able = found[_named(server, _CAPACITY)]
        figures[_named(server, _CAPACITY)] = median(able)
        for kind in _CROWDS:
            name, runs = _named(server, kind), found[_named(server, kind)]
            ratios[name] = [(run.goodput_in(_LEARNING) or 0.0) / most for run, most in zip(runs, able, strict=True)]
            figures |= {f"{name}: {what}": value for what, value in _cost(runs).items()}
        patient = found[_named(server, _TELLING)]
        ratios[_named(server, _REFUSED)] = [run.requests.shed / run.requests.sent for run in patient]
    return Measured(ratios=ratios, figures=figures)


BENCHMARK = Benchmark(
    name="goodput",
    order=3,
    question=f"{CLIENTS} clients, and nobody tells how long they wait: goodput ÷ capacity, with the stock settings?",
    peers=(),
    ratios=tuple(_GOALS),
    goals=_GOALS,
    run=_run,
)
