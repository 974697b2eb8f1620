"""Does the load generator report the truth? Against a server that knows how long each request took."""

from __future__ import annotations

import sys
from functools import partial

from ...diagnose.ratios import ratios
from ...records.benchmark import Goal
from ...records.codec import to_plain
from ...records.spread import Spread
from ...stage.launch import Child, talking
from ...stage.stage import Stage
from ..model import Benchmark, Measured
from ..peers import known_delay

_DELAY_MS = 20
# Few, because the server cannot see the time that a request waits before it is read, which is true latency.
_CONNECTIONS = 4
_RATE = 100.0  # requests per second: two in flight on the mean, so a connection is nearly always free
_QUANTILES = ("p50", "p99")
_BOUNDS = {"closed": 1.02, "open": 1.05}  # of how far off a report may be, by the kind of workload


async def _ask(stage: Stage, server: Child, url: str, rate: float | None) -> dict[str, tuple[float, float]]:
    """For each quantile what the generator reports and what the server knows, in milliseconds."""
    seconds = stage.seconds(5, quick=2)
    reported = to_plain((await stage.load(url, connections=_CONNECTIONS, duration=seconds, rate=rate)).latency)
    known = await server.ask("tell")
    return {quantile: (reported[quantile] * 1e3, float(known[quantile])) for quantile in _QUANTILES}


async def _run(stage: Stage) -> Measured:
    async with talking([sys.executable, "-m", known_delay.__name__, str(_DELAY_MS)]) as server:
        url = str((await server.hear())["url"])
        modes = {"closed": partial(_ask, stage, server, url, None), "open": partial(_ask, stage, server, url, _RATE)}
        rounds = await stage.in_turn(modes, stage.rounds(5, quick=3))
    said, true = (
        {f"{mode} {q}": [one[q][which] for one in found] for mode, found in rounds.items() for q in _QUANTILES}
        for which in (0, 1)
    )
    found = {name: ratios(said[name], true[name]) for name in said}
    figures = {f"{name}, reported ms": Spread.of(values).median for name, values in said.items()}
    figures |= {f"{name}, true ms": Spread.of(values).median for name, values in true.items()}
    # A goal looks at a median; how far off a report is in either direction is one figure.
    off = {f"{name}, off by": [1 + abs(value - 1) for value in values] for name, values in found.items()}
    return Measured(ratios={**found, **off}, figures=figures)


BENCHMARK = Benchmark(
    name="load-truth",
    order=6,
    question=f"Are the percentiles that the load generator reports those of a server with a delay of {_DELAY_MS} ms?",
    peers=(),
    ratios=tuple(f"{mode} {q}{off}" for off in ("", ", off by") for mode in _BOUNDS for q in _QUANTILES),
    goals={
        f"{mode} {quantile}, off by": Goal(relation="<=", bound=bound)
        for mode, bound in _BOUNDS.items()
        for quantile in _QUANTILES
    },
    run=_run,
)
