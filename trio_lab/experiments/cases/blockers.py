"""Five calls that block a loop, each beside its cure: what does everybody else feel?"""

from __future__ import annotations

from ...diagnose.check import Check
from ...diagnose.first_full import first_full
from ...stage.stage import Loaded, Stage
from .. import charts
from ..model import Evidence, Experiment

_KINDS = {  # and their cures
    "json": "worker process",
    "hash": "native pool",
    "regex": "bounded input",
    "sort": "merge in slices",
    "read": "pieces in threads",
}
_CLIENTS = 2
_RATE = 4  # requests per second: so few that what is felt is the call itself, and not a queue of them


async def _collect(stage: Stage) -> Evidence:
    seconds = stage.seconds(5, quick=1)
    bad: dict[str, Loaded] = {}
    cured: dict[str, Loaded] = {}
    async with stage.server() as server:
        for kind in _KINDS:
            for fixed, found in enumerate((bad, cured)):
                path = f"/block/{kind}?fixed={fixed}"
                found[kind] = await stage.loaded(server, path, connections=_CLIENTS, rate=_RATE, duration=seconds)
    figures: dict[str, float | None] = {
        "least_blocking_p99_ms": min(run.health_p99_ms for run in bad.values()),
        "most_cured_p99_ms": max(run.health_p99_ms for run in cured.values()),
        "least_improvement": min(bad[kind].health_p99_ms / cured[kind].health_p99_ms for kind in _KINDS),
    }
    for kind in _KINDS:
        figures[f"{kind}_blocking_p99_ms"] = bad[kind].health_p99_ms
        figures[f"{kind}_cured_p99_ms"] = cured[kind].health_p99_ms
        figures[f"{kind}_blocking_latency_p50_ms"] = bad[kind].load["latency_ms"]["p50"]
        figures[f"{kind}_cured_latency_p50_ms"] = cured[kind].load["latency_ms"]["p50"]
    return Evidence(
        figures=figures,
        charts=(
            charts.chart(
                "/health p99 beside each",
                "bar",
                "blocker",
                "/health p99, ms",
                [
                    charts.series("on the loop", [(k, run.health_p99_ms) for k, run in bad.items()], role="bad"),
                    charts.series("cured", [(k, run.health_p99_ms) for k, run in cured.items()], role="good"),
                ],
                log_y=True,
                categories=True,
                rules=[charts.rule(25, "25 ms")],
                note=f"{_RATE} requests a second each: the same work, done in another place or in smaller steps.",
            ),
            charts.chart(
                "What the caller itself waits",
                "bar",
                "blocker",
                "latency p50, ms",
                [
                    charts.series("on the loop", [(k, _p50(run)) for k, run in bad.items()], role="bad"),
                    charts.series("cured", [(k, _p50(run)) for k, run in cured.items()], role="good"),
                ],
                categories=True,
                note="A cure is for everybody else. Who asked may wait longer; only the bound on the input saves work.",
            ),
        ),
        first_full=first_full([sample for run in bad.values() for sample in run.samples]),
        finding=" ".join(
            f"{kind}: /health p99 {bad[kind].health_p99_ms:.0f} ms on the loop, {cured[kind].health_p99_ms:.1f} ms by {cure}."
            for kind, cure in _KINDS.items()
        ),
    )


def _p50(run: Loaded) -> float:
    return float(run.load["latency_ms"]["p50"])


EXPERIMENT = Experiment(
    name="blockers",
    title="Five blockers and their cures",
    order=20,
    expected_s=24,
    question="What does everybody else feel beside each of five calls that block the loop, and beside its cure?",
    prediction=(
        "A few calls a second are enough: beside each of the five, called in the handler, /health p99 is over 25 ms, "
        "because whoever comes while it runs waits for its end. Beside each cure it is under 25 ms, and at most half."
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
