"""Five calls that block a loop, each beside its cure: what does everybody else feel?"""

from __future__ import annotations

import math
from typing import Any

import trio

from ...diagnose.first_full import first_full
from ...records.check import Check
from ...records.health import Health
from ...stage.stage import Server, Stage
from .. import charts
from ..model import Collected, Experiment

_KINDS = {  # and their cures
    "json": "worker process",
    "hash": "native pool",
    "regex": "bounded input",
    "sort": "merge in slices",
    "read": "pieces in threads",
}
_RATE = 4  # requests per second: so few that what is felt is the call itself, and not a queue of them
_SAMPLE_PERIOD = 0.25  # seconds

Found = dict[str, dict[str, Any]]  # what `stage.beside` says of each kind


async def _ways(stage: Stage, server: Server) -> tuple[Found, Found]:
    """Blocking and cured, in turns."""
    seconds = stage.seconds(5, quick=1.2)
    paths = {(kind, fixed): f"/block/{kind}?fixed={fixed}" for kind in _KINDS for fixed in (0, 1)}
    said = await stage.program("trio_lab.stage.beside", server.url, seconds, _RATE, *paths.values())
    blocking, cured = ({kind: said[paths[kind, fixed]] for kind in _KINDS} for fixed in (0, 1))
    return blocking, cured


async def _sample(server: Server, samples: list[Health]) -> None:
    while True:
        samples.append(await server.health(reset=True))
        await trio.sleep(_SAMPLE_PERIOD)


async def _collect(stage: Stage) -> Collected:
    samples: list[Health] = []
    async with stage.server() as server, trio.open_nursery() as watching:
        watching.start_soon(_sample, server, samples)
        blocking, cured = await _ways(stage, server)
        watching.cancel_scope.cancel()
    bad, good = ({kind: _p99(of) for kind, of in found.items()} for found in (blocking, cured))
    figures: dict[str, float | None] = {
        "least_blocking_p99_ms": min(bad.values()),
        "most_cured_p99_ms": max(good.values()),
        "least_improvement": min(bad[kind] / good[kind] for kind in _KINDS),
    }
    for kind in _KINDS:
        figures |= {f"{kind}_blocking_p99_ms": bad[kind], f"{kind}_cured_p99_ms": good[kind]}
        figures |= {
            f"{kind}_blocking_call_ms": blocking[kind]["call_ms"],
            f"{kind}_cured_call_ms": cured[kind]["call_ms"],
        }
    return Collected(
        figures=figures,
        charts=(
            charts.chart(
                "/health p99 beside each",
                "bar",
                "blocker",
                "/health p99, ms",
                [
                    charts.series("on the loop", bad.items(), role="bad"),
                    charts.series("cured", good.items(), role="good"),
                ],
                log_y=True,
                categories=True,
                rules=[charts.rule(25, "25 ms")],
                note=f"{_RATE} requests a second each: the same result, made in another place or in smaller steps.",
            ),
            charts.chart(
                "What the caller itself waits",
                "bar",
                "blocker",
                "median, ms",
                [
                    charts.series("on the loop", [(k, of["call_ms"]) for k, of in blocking.items()], role="bad"),
                    charts.series("cured", [(k, of["call_ms"]) for k, of in cured.items()], role="good"),
                ],
                categories=True,
                note="A cure is for everybody else. Who asked may wait longer; only the bound on the input saves work.",
            ),
        ),
        first_full=first_full(samples),
        finding=" ".join(
            f"{kind}: /health p99 {bad[kind]:.0f} ms on the loop, {good[kind]:.1f} ms by {cure}."
            for kind, cure in _KINDS.items()
        ),
    )


def _p99(of: dict[str, Any]) -> float:
    p99 = of["health_p99_ms"]
    return math.nan if p99 is None else float(p99)


EXPERIMENT = Experiment(
    name="blockers",
    title="Five blockers and their cures",
    order=20,
    expected_s=20,
    question="What does everybody else feel beside each of five calls that block the loop, and beside its cure?",
    prediction=(
        "A few calls a second are enough: beside each of the five, called in the handler, /health p99 is over 25 ms, "
        "because whoever comes while it runs waits for its end. Beside each cure it is under 25 ms, and at most half."
    ),
    figures=(
        "least_blocking_p99_ms",
        "most_cured_p99_ms",
        "least_improvement",
        *(f"{kind}_{way}_{what}_ms" for kind in _KINDS for way in ("blocking", "cured") for what in ("p99", "call")),
    ),
    checks=(
        Check(
            claim="/health p99 beside the mildest blocker",
            figure="least_blocking_p99_ms",
            relation=">",
            bound=25,
            unit="ms",
        ),
        Check(
            claim="/health p99 beside the worst of the cures",
            figure="most_cured_p99_ms",
            relation="<",
            bound=25,
            unit="ms",
        ),
        Check(claim="on the loop ÷ cured, the least", figure="least_improvement", relation=">", bound=2, unit="×"),
    ),
    advice=(
        "Find the line (`trio_lab.observe` names it), and ask what the call needs. Python code that computes: a worker "
        "process, and send back only what is wanted. A call that releases the GIL or waits for a disk: a thread, in "
        "pieces. Work that can be cut: slices. Input from outside: a bound before anything else looks at it."
    ),
    collect=_collect,
    lab=False,
)
