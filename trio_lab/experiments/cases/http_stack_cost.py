"""What a request costs before any handler runs: the HTTP stack, layer by layer, on Trio and on asyncio.

Varied: the layers, each with all before it, and the runtime. Held fixed: the one reply, eight connections of a closed
load. All servers stand ready and are loaded in turn, in another order each round.

The cost is the CPU time of the server ÷ requests answered, because the generator cannot keep up with the lowest layers.
0.25 for bare sockets is the loop's share: were it more, a faster loop would be worth looking for. 1.75 for our /health is
what a short load can resolve. Other programs on the cores make all costs too high, since caches are shared: read the
shares, and not the microseconds. Differences between neighbours that are small beside the whole are noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import pairwise

from ...http.runtimes import node_version
from ...records.chart import Chart
from ...records.figures import check
from ...stage.server import Server, serving
from ...stage.stage import Stage
from ...stage.turns import Contestant
from ...subjects import stack
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_CONNECTIONS = 8
_NODE = "node http"
_HEALTH = "trio /health"
_SERVERS = (*(f"{runtime} {layer}" for runtime in stack.RUNTIMES for layer in stack.LAYERS), _HEALTH, _NODE)


def _figure(server: str) -> str:
    """The name of the figure that has a server's cost."""
    return f"{server.replace(' /', '_').replace(' ', '_')}_us"


async def _cost(stage: Stage, server: Server, path: str) -> float:
    """CPU microseconds of the server for one request of a closed load."""
    before = server.cpu_seconds()
    run = await stage.load(server.url + path, connections=_CONNECTIONS, duration=stage.seconds(1, quick=0.4))
    return (server.cpu_seconds() - before) / run.requests.ok * 1e6


async def _costs(stage: Stage) -> dict[str, float]:
    """The cost of each server. All of them stand ready from the first round on."""
    openings: dict[str, Callable[[], AbstractAsyncContextManager[Server]]] = {
        f"{runtime} {layer}": partial(serving, stack.command(runtime, layer))
        for runtime in stack.RUNTIMES
        for layer in stack.LAYERS
    }
    openings[_HEALTH] = partial(stage.server, "--workers", "1")
    if node_version()[0] is not None:
        openings[_NODE] = partial(serving, stack.BARE_NODE)
    contestants: dict[str, Contestant[float]] = {}
    for name, opening in openings.items():
        server = await stage.kept_as(name, opening)
        contestants[name] = partial(_cost, stage, server, "/health" if name == _HEALTH else "")
    return await stage.once(contestants)


def _added(costs: Mapping[str, float], runtime: str) -> list[tuple[str, float]]:
    """What each layer costs more than the one below it."""
    named = [(layer, costs[f"{runtime} {layer}"]) for layer in stack.LAYERS]
    return [named[0], *((layer, upper - lower) for (_, lower), (layer, upper) in pairwise(named))]


def _chart(costs: Mapping[str, float], runtime: str) -> Chart:
    above = [("our /health", costs[_HEALTH])] if runtime == "trio" else []
    return charts.bars(
        f"CPU time of a request on {runtime}, layer by layer",
        ("up to this layer", "CPU µs a request"),
        [
            ("whole request", [(layer, costs[f"{runtime} {layer}"]) for layer in stack.LAYERS] + above, None),
            ("added by the layer", _added(costs, runtime), "neutral"),
        ],
        rules=[charts.rule(costs[_NODE], "node's http")] if _NODE in costs else [],
    )


def _figures(costs: Mapping[str, float]) -> dict[str, float | None]:
    figures: dict[str, float | None] = {_figure(name): costs.get(name) for name in _SERVERS}
    for runtime in stack.RUNTIMES:
        figures[f"{runtime}_sockets_share"] = costs[f"{runtime} sockets"] / costs[f"{runtime} quart"]
        figures |= {f"{runtime}_{layer}_adds_us": added for layer, added in _added(costs, runtime)[1:]}
    figures["trio_over_asyncio"] = costs["trio quart"] / costs["asyncio quart"]
    figures["health_over_hypercorn"] = costs[_HEALTH] / costs["trio hypercorn"]
    return figures


async def _collect(stage: Stage) -> Collected:
    costs = await _costs(stage)
    return Collected(
        figures=_figures(costs),
        charts=tuple(_chart(costs, runtime) for runtime in stack.RUNTIMES),
    )


def _finding(found: Reading) -> str:
    said = [
        f"On {runtime} a request cost {found.said(_figure(f'{runtime} quart'), 'µs')} through the whole stack and "
        f"{found.said(_figure(f'{runtime} sockets'), 'µs')} on bare sockets; added by its layers: "
        + ", ".join(f"{layer} {found.said(f'{runtime}_{layer}_adds_us', 'µs')}" for layer in stack.LAYERS[1:])
        + "."
        for runtime in stack.RUNTIMES
    ]
    said.append(f"Our /health, with its figures, cost {found.said(_figure(_HEALTH), 'µs')}")
    return " ".join(said) + f"; node's http, {found.said(_figure(_NODE), 'µs')}."


EXPERIMENT = Experiment(
    name="http-stack-cost",
    title="What a request costs before any handler runs",
    order=13,
    expected_s=25,
    question="Where does the time of an empty request go: loop, parser, server or framework?",
    prediction="""Very little of it is the event loop. On both runtimes bare sockets take less than a quarter of what a
        request costs through hypercorn and Quart, and Trio's stack costs more than asyncio's. Our /health, which goes
        around Quart, costs less than 1.75 times what an app that does nothing costs on unmodified hypercorn.""",
    figures=tuple(_figures(dict.fromkeys(_SERVERS, 1.0))),  # the names do not depend on the costs
    checks=(
        check("bare sockets ÷ the whole stack, trio", "trio_sockets_share", "<", 0.25),
        check("bare sockets ÷ the whole stack, asyncio", "asyncio_sockets_share", "<", 0.25),
        check("the whole stack, trio ÷ asyncio", "trio_over_asyncio", ">", 1, "×"),
        check("our /health ÷ a bare ASGI app on hypercorn", "health_over_hypercorn", "<", 1.75, "×"),
    ),
    advice="""Do not blame the event loop for what the stack above it costs, and do not mistake the stack for the queue
        you study: with handlers that do nothing, a load test measures the parser and the framework. A route that is
        asked all the time and needs nothing of the framework can be answered below it. Where a request does a
        millisecond of work or more, all this is noise.""",
    collect=_collect,
    finding=_finding,
    across=True,
    lab=False,
    comparison=False,
)
