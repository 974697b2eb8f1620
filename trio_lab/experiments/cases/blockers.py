"""Five calls that block a loop, each beside its cure: what does everybody else feel?

Varied: the call, and whether it runs as it is easily written or cured; both give the same result. Held fixed: one server,
four calls a second, a probe of /health 50 times a second. The ten ways run one after the other, blocking and cured in
turn, so that a change of the machine's speed meets a pair and not one side.

Each blocker alone takes longer than 25 ms and hits many probes; no cure leaves a step of more than a few milliseconds on
the loop. A machine that is slow in both cases would confirm the first bound alone, hence the third: on the loop at least
twice as slow as cured. Four calls a second are so few that the call is felt, and not a queue of calls.
"""

from __future__ import annotations

import math
from functools import partial

import trio

from ...records.check import check
from ...records.health import Health
from ...stage.alone import alone
from ...stage.beside import Beside, beside
from ...stage.loaded import sample
from ...stage.server import Server
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment

_KINDS = {  # and their cures
    "json": "worker process",
    "hash": "native pool",
    "regex": "bounded input",
    "sort": "merge in slices",
    "read": "pieces in threads",
}
_RATE = 4  # requests per second


async def _ways(stage: Stage, server: Server) -> tuple[dict[str, Beside], dict[str, Beside]]:
    """By kind: blocking, and cured."""
    paths = {(kind, fixed): f"/block/{kind}?fixed={fixed}" for kind in _KINDS for fixed in (0, 1)}
    seconds = stage.seconds(5, quick=1.2)
    seen = await alone(partial(beside, server.url, list(paths.values()), seconds=seconds, rate=_RATE))
    blocking, cured = ({kind: seen[paths[kind, fixed]] for kind in _KINDS} for fixed in (0, 1))
    return blocking, cured


def _p99s(seen: dict[str, Beside]) -> dict[str, float]:
    """In milliseconds; not-a-number where no probe was answered."""
    return {kind: math.nan if of.health_p99 is None else of.health_p99 * 1e3 for kind, of in seen.items()}


def _calls(seen: dict[str, Beside]) -> dict[str, float | None]:
    return {kind: None if of.call is None else of.call * 1e3 for kind, of in seen.items()}


async def _collect(stage: Stage) -> Collected:
    samples: list[Health] = []
    async with stage.server() as server, trio.open_nursery() as watching:
        watching.start_soon(sample, server, samples)
        blocking, cured = await _ways(stage, server)
        watching.cancel_scope.cancel()
    bad, good = _p99s(blocking), _p99s(cured)
    slow, quick = _calls(blocking), _calls(cured)
    figures: dict[str, float | None] = {
        "least_blocking_p99_ms": min(bad.values()),
        "most_cured_p99_ms": max(good.values()),
        "least_improvement": min(bad[kind] / good[kind] for kind in _KINDS),
    }
    for way, p99s, calls in (("blocking", bad, slow), ("cured", good, quick)):
        figures |= {f"{kind}_{way}_p99_ms": p99s[kind] for kind in _KINDS}
        figures |= {f"{kind}_{way}_call_ms": calls[kind] for kind in _KINDS}
    return Collected(
        figures=figures,
        charts=(
            charts.bars(
                "/health p99 beside each",
                "blocker",
                "/health p99, ms",
                [("on the loop", bad.items(), "bad"), ("cured", good.items(), "good")],
                log_y=True,
                rules=[charts.rule(25, "25 ms")],
                note=f"{_RATE} requests a second each: the same result, made in another place or in smaller steps.",
            ),
            charts.bars(
                "What the caller itself waits",
                "blocker",
                "median, ms",
                [("on the loop", slow.items(), "bad"), ("cured", quick.items(), "good")],
                note="A cure helps the others. The caller may wait longer; only the bound on the input saves work.",
            ),
        ),
        samples=samples,
        finding=" ".join(
            f"{kind}: /health p99 {bad[kind]:.0f} ms on the loop, {good[kind]:.1f} ms by {cure}."
            for kind, cure in _KINDS.items()
        ),
    )


EXPERIMENT = Experiment(
    name="blockers",
    title="Five blockers and their cures",
    order=20,
    expected_s=20,
    question="What does everybody else feel beside each of five calls that block the loop, and beside its cure?",
    prediction="""A few calls a second are enough: beside each of the five, called in the handler, /health p99 is over
        25 ms, because a request that comes while it runs waits for its end. Beside each cure it is under 25 ms, and at
        most half.""",
    figures=(
        "least_blocking_p99_ms",
        "most_cured_p99_ms",
        "least_improvement",
        *(f"{kind}_{way}_{what}_ms" for kind in _KINDS for way in ("blocking", "cured") for what in ("p99", "call")),
    ),
    checks=(
        check("/health p99 beside the mildest blocker", "least_blocking_p99_ms", ">", 25, "ms"),
        check("/health p99 beside the worst of the cures", "most_cured_p99_ms", "<", 25, "ms"),
        check("on the loop ÷ cured, the least", "least_improvement", ">", 2, "×"),
    ),
    advice="""Find the line (`trio_lab.observe` names it), and ask what the call needs. Python code that computes: a
        worker process, which sends back only what is needed. A call that releases the GIL or waits for a disk: a
        thread, in pieces. Work that can be divided: slices. Input from outside: a bound, checked before anything
        else.""",
    collect=_collect,
    lab=False,
)
