"""Five calls that block a loop, each beside its cure: what do other requests feel?

Varied: the call, and whether it runs as it is easily written or cured; both give the same result. Held fixed: one server,
four calls a second, a probe of /health 50 times a second. The ten ways take turns in every round, blocking and cured
one after the other.

A probe that comes at a random moment of a blocking call waits for half of it, and the slowest for nearly all of it; no cure
leaves a step of more than a few milliseconds on the loop. Both are told in lengths of the call. Four calls a second are so
few that the call is felt, and not a queue of calls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import trio

from ...diagnose.ratios import order_of_round
from ...records.examination import Step
from ...records.figures import Measures, check, measured, of_each
from ...stage.alone import alone
from ...stage.beside import Beside, beside
from ...stage.load_step import Look, seen_from
from ...stage.stage import Stage
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_KINDS = {  # and their cures
    "json": "worker process",
    "hash": "native pool",
    "regex": "bounded input",
    "sort": "merge in slices",
    "read": "pieces in threads",
}
_RATE = 4  # requests per second


def _p99_ms(seen: Beside) -> float:
    """Not-a-number where no probe was answered."""
    return math.nan if seen.health_p99 is None else seen.health_p99 * 1e3


def _call_ms(seen: Beside) -> float | None:
    return None if seen.call is None else seen.call * 1e3


def _felt(seen: Mapping[str, Beside], kind: str, way: str) -> float:
    """/health p99 ÷ what the call takes on the loop."""
    call = _call_ms(seen[f"{kind}_blocking"])
    return _p99_ms(seen[f"{kind}_{way}"]) / call if call else math.nan


_WAYS = {
    f"{kind}_{way}": f"/block/{kind}?fixed={fixed}"
    for kind in _KINDS
    for fixed, way in enumerate(("blocking", "cured"))
}
_OF_EACH: Measures[Beside] = {"{}_p99_ms": _p99_ms, "{}_call_ms": _call_ms}
_FIGURES: Measures[Mapping[str, Beside]] = {
    **of_each(_WAYS, _OF_EACH),
    "least_felt": lambda seen: min(_felt(seen, kind, "blocking") for kind in _KINDS),
    "most_felt_cured": lambda seen: max(_felt(seen, kind, "cured") for kind in _KINDS),
    "least_improvement": lambda seen: min(
        _p99_ms(seen[f"{kind}_blocking"]) / _p99_ms(seen[f"{kind}_cured"]) for kind in _KINDS
    ),
}


async def _collect(stage: Stage) -> Collected:
    looks: list[Look] = []
    server, begun = await stage.kept(), trio.current_time()
    async with trio.open_nursery() as watching:
        watching.start_soon(stage.watch, server, looks)
        seconds = stage.seconds(2, quick=0.75)
        paths = order_of_round(list(_WAYS.values()), stage.round)
        found = await alone(partial(beside, server.url, paths, seconds=seconds, rate=_RATE))
        watching.cancel_scope.cancel()
    seen = {way: found[path] for way, path in _WAYS.items()}
    bad, good = ({kind: _p99_ms(seen[f"{kind}_{way}"]) for kind in _KINDS} for way in ("blocking", "cured"))
    slow, quick = ({kind: _call_ms(seen[f"{kind}_{way}"]) for kind in _KINDS} for way in ("blocking", "cured"))
    return Collected(
        figures=measured(_FIGURES, seen),
        charts=(
            charts.bars(
                "/health p99 beside each",
                ("blocker", "/health p99, ms"),
                [("on the loop", bad.items(), "bad"), ("cured", good.items(), "good")],
                log_y=True,
                note=f"{_RATE} requests a second each: the same result, made in another place or in smaller steps.",
            ),
            charts.bars(
                "What the caller itself waits",
                ("blocker", "median, ms"),
                [("on the loop", slow.items(), "bad"), ("cured", quick.items(), "good")],
                note="A cure helps the others. The caller may wait longer; only the bound on the input saves work.",
            ),
        ),
        loads=[Step(part="load", clients=1, duration=trio.current_time() - begun, sightings=seen_from(begun, looks))],
    )


def _finding(found: Reading) -> str:
    return " ".join(
        f"""{kind}: /health p99 {found.said(f"{kind}_blocking_p99_ms", "ms")} on the loop,
        {found.said(f"{kind}_cured_p99_ms", "ms")} by {cure}."""
        for kind, cure in _KINDS.items()
    )


EXPERIMENT = Experiment(
    name="blockers",
    title="Five blockers and their cures",
    order=20,
    expected_s=20,
    question="What do other requests feel beside each of five calls that block the loop, and beside its cure?",
    prediction="""A few calls a second are enough: beside each of the five, called in the handler, /health p99 is at least
        half as long as the call, because a request that comes while it runs waits for its end. Beside each cure it is less
        than half of the call, and at most half of what it was.""",
    figures=_FIGURES,
    checks=(
        check("/health p99 ÷ the blocking call, the least", "least_felt", ">=", 0.5, "×"),
        check("/health p99 beside a cure ÷ the blocking call, the most", "most_felt_cured", "<", 0.5, "×"),
        check("on the loop ÷ cured, the least", "least_improvement", ">", 2, "×"),
    ),
    advice="""Find the line (`trio_lab.observe` names it), and ask what the call needs. Python code that computes: a
        worker process, which sends back only what is needed. A call that releases the GIL or waits for a disk: a
        thread, in pieces. Work that can be divided: slices. Input from outside: a bound, checked before anything
        else.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
