"""How fast the load generator can ask, with every latency recorded, against generators written in C and for node."""

from __future__ import annotations

import re
from functools import partial
from statistics import median

import trio

from ...diagnose.ratios import ratios
from ...records.benchmark import Goal
from ..found import NODE, PEERS, WRK, npm
from ..model import Benchmark, Measured
from ..stand import Contestant, Stand, figures_of

_CONNECTIONS = "20"
_AUTOCANNON = npm("autocannon")
_BETTER = "the better of the two"


async def _ours(stand: Stand, url: str, seconds: float) -> float:
    return float((await stand.stage.load(url, connections=int(_CONNECTIONS), duration=seconds))["throughput_rps"])


async def _wrk(url: str, seconds: float) -> float:
    # whole seconds only
    done = await trio.run_process(
        ["wrk", "-t1", "-c", _CONNECTIONS, "-d", f"{max(1, round(seconds))}s", url], capture_stdout=True
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout.decode())
    if found is None:
        raise RuntimeError("wrk did not say how many requests it made")
    return float(found[1])


async def _autocannon(url: str, seconds: float) -> float:
    program = str(PEERS / "node_modules" / "autocannon" / "autocannon.js")
    whole = str(max(1, round(seconds)))
    found = await figures_of(["node", program, "-c", _CONNECTIONS, "-d", whole, "--json", url])
    return float(found["requests"]["total"]) / float(found["duration"])


async def _run(stand: Stand) -> Measured:
    if not stand.has("node"):
        return Measured(ratios={})
    seconds = stand.seconds(5, quick=2)
    async with stand.bare_server() as url:
        contestants: dict[str, Contestant] = {"ours": partial(_ours, stand, url, seconds)}
        if stand.has("wrk"):
            contestants["wrk"] = partial(_wrk, url, seconds)
        if stand.has("autocannon"):
            contestants["autocannon"] = partial(_autocannon, url, seconds)
        rates = await stand.in_turn(contestants, stand.rounds())
    figures = {f"{name}, requests/s": median(values) for name, values in rates.items()}
    peers = {name: values for name, values in rates.items() if name != "ours"}
    found = {name: ratios(rates["ours"], values) for name, values in peers.items()}
    if len(peers) == 2:
        found[_BETTER] = ratios(rates["ours"], [max(both) for both in zip(*peers.values(), strict=True)])
    return Measured(ratios=found, figures=figures)


BENCHMARK = Benchmark(
    name="load-generator",
    order=3,
    question=f"How many requests a second on {_CONNECTIONS} connections, against wrk (one thread) and autocannon?",
    peers=(NODE, WRK, _AUTOCANNON),
    ratios=("wrk", "autocannon", _BETTER),
    goals={_BETTER: Goal(relation=">=", bound=1.1)},
    run=_run,
)
