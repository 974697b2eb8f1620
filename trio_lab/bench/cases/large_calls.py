"""Arguments and results of 10 MB: what they cost beside the bare bytes, and what the loop feels of them."""

from __future__ import annotations

from functools import partial
from statistics import median

from ...diagnose.ratios import ratios
from ...records.benchmark import Goal
from ...stage.alone import alone
from ...stage.stage import Stage
from ..model import Benchmark, Measured
from ..peers.large_calls import through_pipe, through_pool

_SIZE = 10_000_000  # bytes, there and back
_PASS_MS = 10.0

_PIPE, _LOOP = "bare pipe", f"p99 of a pass ÷ {_PASS_MS:g} ms"


async def _run(stage: Stage) -> Measured:
    seconds = stage.seconds(3, quick=1)
    found = await stage.in_turn(
        {
            "pool": partial(alone, partial(through_pool, _SIZE, seconds)),
            "pipe": partial(alone, partial(through_pipe, _SIZE, seconds)),
        },
        stage.rounds(5, quick=3),
    )
    rates = {way: [one.bytes_per_s for one in figures] for way, figures in found.items()}
    passes = [one.pass_p99 * 1e3 for one in found["pool"]]
    return Measured(
        ratios={_PIPE: ratios(rates["pool"], rates["pipe"]), _LOOP: [p99 / _PASS_MS for p99 in passes]},
        figures={f"{way}, MB/s": round(median(values) / 1e6) for way, values in rates.items()}
        | {
            "p99 of a pass, ms": median(passes),
            "longest pass, ms": max(one.pass_max for one in found["pool"]) * 1e3,
        },
    )


BENCHMARK = Benchmark(
    name="large-calls",
    order=10,
    question="How fast do arguments and results of 10 MB travel beside bare pipes, and what does the loop feel of them?",
    peers=(),
    ratios=(_PIPE, _LOOP),
    goals={_PIPE: Goal(relation=">=", bound=0.7), _LOOP: Goal(relation="<=", bound=1.0)},
    run=_run,
)
