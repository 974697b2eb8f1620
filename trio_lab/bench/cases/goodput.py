"""How much of the capacity is useful to a hundred clients when nobody tells the server how long they wait?

A shared machine changes speed within seconds, by more than the goals leave room for. So the capacity is not measured once: a
second server of the same kind gives a slice of it before and after each crowd, and the capacity of a round is the median of
its slices. A ratio then compares what was measured within the same minute. Each crowd has a new server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from statistics import median

from ...diagnose.ratios import order_of_round
from ...load.patience import Patience
from ...load.retry import Retry
from ...records.benchmark import Goal
from ...records.load import LoadResult
from ...stage.crowd import CLIENTS, KINDS, capacity_of, crowd
from ...stage.stage import Stage
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
_CAPACITY, _STEADY = "capacity, replies/s", "capacity, lowest slice ÷ highest"
_REFUSED = f"{_TELLING}, refused"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One server, with all crowds. ``slices`` are capacities, between which the crowds came."""

    slices: Sequence[float]
    crowds: Mapping[str, LoadResult]

    @property
    def capacity(self) -> float:
        return median(self.slices)


async def _round(stage: Stage, server: Server, numbers: Iterator[int]) -> _Round:
    runtime, route = server
    seconds = _LEARNING + stage.seconds(5, quick=2)
    slices: list[float] = []
    crowds: dict[str, LoadResult] = {}
    async with stage.server("--grace", "0.2", runtime=runtime) as able:
        measure = partial(capacity_of, stage, able, route, seconds=stage.seconds(2, quick=1.2))
        await able.fetch(route)
        slices.append(await measure())
        for kind in order_of_round(list(_CROWDS), next(numbers)):
            patience, retry = _CROWDS[kind]
            crowds[kind] = await crowd(
                stage,
                route,
                runtime=runtime,
                connections=CLIENTS,
                duration=seconds + (_LONGEST if kind == _TELLING else 0.0),
                leave_after=patience,
                retry=retry,
            )
            slices.append(await measure())
    return _Round(slices=slices, crowds=crowds)


def _cost(runs: Sequence[LoadResult]) -> dict[str, float]:
    """What explains a ratio: medians of the rounds."""
    return {
        "the client's CPU, of a core": median(run.generator.cpu_share for run in runs),
        "lost requests per second": median((run.requests.shed + run.requests.timed_out) / run.duration for run in runs),
        "clients never served": median(run.unserved or 0 for run in runs),
    }


async def _run(stage: Stage) -> Measured:
    turns = {_named(server, ""): partial(_round, stage, server, count()) for server in _SERVERS}
    found = await stage.in_turn(turns, stage.rounds(3, quick=1))
    ratios: dict[str, list[float]] = {}
    figures: dict[str, float | None] = {}
    for server in _SERVERS:
        rounds = found[_named(server, "")]
        figures[_named(server, _CAPACITY)] = median(one.capacity for one in rounds)
        figures[_named(server, _STEADY)] = median(min(one.slices) / max(one.slices) for one in rounds)
        for kind in _CROWDS:
            name, runs = _named(server, kind), [one.crowds[kind] for one in rounds]
            ratios[name] = [
                (run.goodput_in(_LEARNING) or 0.0) / one.capacity for one, run in zip(rounds, runs, strict=True)
            ]
            figures |= {f"{name}: {what}": value for what, value in _cost(runs).items()}
        patient = [one.crowds[_TELLING].requests for one in rounds]
        ratios[_named(server, _REFUSED)] = [counts.shed / counts.sent for counts in patient]
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
