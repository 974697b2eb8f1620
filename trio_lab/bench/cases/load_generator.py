"""How fast the load generator sends, with every latency recorded, against generators written in C and for node."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial

from ...diagnose.interval import LEAST
from ...records.benchmark import Goal
from ...stage.launch import output_of
from ...stage.server import serving
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ...subjects import stack
from ..found import NODE, PEERS, WRK, npm
from ..model import Benchmark, Measured

_CONNECTIONS = 20
_AUTOCANNON = npm("autocannon")
_BETTER = "the better of the two"


async def _ours(stage: Stage, url: str, seconds: float) -> float:
    return (await stage.load(url, connections=_CONNECTIONS, duration=seconds)).throughput


async def _wrk(url: str, seconds: float) -> float:
    # wrk takes whole seconds only
    said = await output_of(["wrk", "-t1", "-c", str(_CONNECTIONS), "-d", f"{max(1, round(seconds))}s", url])
    found = re.search(rb"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise RuntimeError("wrk did not say how many requests it made")
    return float(found[1])


async def _autocannon(url: str, seconds: float) -> float:
    program = str(PEERS / "node_modules" / "autocannon" / "autocannon.js")
    whole = str(max(1, round(seconds)))
    found = json.loads(await output_of(["node", program, "-c", str(_CONNECTIONS), "-d", whole, "--json", url]))
    return float(found["requests"]["total"]) / float(found["duration"])


async def _run(stage: Stage) -> Measured:
    if "node" not in stage.peers:
        return Measured(ratios={})
    seconds = stage.seconds(5, quick=2)
    async with serving(stack.BARE_NODE) as server:
        url = server.url
        contestants: dict[str, Contestant[float]] = {"ours": partial(_ours, stage, url, seconds)}
        if "wrk" in stage.peers:
            contestants["wrk"] = partial(_wrk, url, seconds)
        if "autocannon" in stage.peers:
            contestants["autocannon"] = partial(_autocannon, url, seconds)
        rates = await stage.in_turn(contestants, stage.rounds(8, quick=LEAST))
    found = Measured.compared(rates, {name: ("ours", name) for name in rates if name != "ours"}, "{}, requests/s")
    if len(found.ratios) < 2:
        return found
    better = [min(both) for both in zip(*found.ratios.values(), strict=True)]
    return replace(found, ratios={**found.ratios, _BETTER: better})


BENCHMARK = Benchmark(
    name="load-generator",
    order=5,
    question=f"How many requests a second on {_CONNECTIONS} connections, against wrk (one thread) and autocannon?",
    peers=(NODE, WRK, _AUTOCANNON),
    ratios=("wrk", "autocannon", _BETTER),
    goals={_BETTER: Goal(relation=">=", bound=1.1)},
    run=_run,
)
