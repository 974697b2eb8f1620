"""Two thousand small decisions in one pass: no step is slow, and everybody waits."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from ...loop.stalls import NOT_RUNNING, SMALL_STEPS
from ...records.check import Check
from ...stage.stage import Stage
from ...subjects import small_steps
from .. import charts
from ..model import Collected, Experiment

_TASKS, _STEP_MS = 2000, 0.2
_AT_ONCE = 20  # of the cure: 4 ms of steps in a pass
_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the program's own watch told at the end, and the latencies of a client of it."""

    watch: dict[str, Any]
    latency: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    pass_ms: float | None
    step_p99_ms: float | None
    stalls: int
    named_share: float | None
    explained_share: float | None
    reply_p50_ms: float
    reply_p50_cured_ms: float
    slowdown: float
    pass_p50_cured_ms: float | None
    steps_cured_share: float


async def _crowd(stage: Stage, at_once: int) -> _Seen:
    program = [sys.executable, "-m", small_steps.__name__, str(_TASKS), str(_STEP_MS), str(at_once)]
    async with stage.serving(*program) as server:
        load = await stage.load(server.url + "/", connections=_CONNECTIONS, duration=stage.seconds(10, quick=5))
        return _Seen(await server.get("/", timeout=60), load["latency_ms"])


def _figures(crowd: _Seen, cured: _Seen) -> _Figures:
    # What the machine did, as other programs used it, is not the program's to be named.
    stalls = crowd.watch["stalls"] - crowd.watch["causes"].get(NOT_RUNNING, 0)
    return _Figures(
        pass_ms=crowd.watch["stall_p50_ms"],
        step_p99_ms=crowd.watch["step_p99_ms"],
        stalls=stalls,
        named_share=crowd.watch["causes"].get(SMALL_STEPS, 0) / stalls if stalls else None,
        explained_share=crowd.watch["explained"],
        reply_p50_ms=crowd.latency["p50"],
        reply_p50_cured_ms=cured.latency["p50"],
        slowdown=crowd.latency["p50"] / cured.latency["p50"],
        pass_p50_cured_ms=cured.watch["pass_p50_ms"],
        steps_cured_share=cured.watch["steps"] / crowd.watch["steps"],
    )


async def _collect(stage: Stage) -> Collected:
    crowd, cured = await _crowd(stage, 0), await _crowd(stage, _AT_ONCE)
    figures = _figures(crowd, cured)
    causes = crowd.watch["causes"]
    return Collected(
        figures=figures,
        charts=(
            charts.percentiles(
                "Latency of a reply that needs nothing",
                [
                    (f"{_TASKS} runnable", crowd.latency, "bad"),
                    (f"{_AT_ONCE} of them at a time", cured.latency, "good"),
                ],
            ),
        ),
        first_full=None,
        finding=(
            f"Of {_TASKS} tasks none computed for longer than {crowd.watch['step_p99_ms']:.2f} ms at once (p99), and a "
            f"pass took {crowd.watch['stall_p50_ms'] or 0:.0f} ms. The watch called it "
            f"{', '.join(f'{name} {count} times' for name, count in causes.items())}. A reply took "
            f"{crowd.latency['p50']:.0f} ms (p50); with {_AT_ONCE} tasks at a time {cured.latency['p50']:.1f} ms."
        ),
    )


EXPERIMENT = Experiment(
    name="many-small-steps",
    title="Many small steps",
    order=26,
    expected_s=15,
    question="What when no step is slow, but two thousand tasks have one?",
    prediction=(
        "2 000 runnable tasks with steps of 0.2 ms make passes of 400 ms, so nobody is served for that long although no "
        "profiler finds a slow function. A watch that measures steps names the pass for what it is, and the task whose "
        "steps fill it. The same tasks, 20 at a time, let others in between."
    ),
    figures=_Figures,
    checks=(
        Check(claim="a pass (p50 of those over the budget)", figure="pass_ms", relation=">=", bound=300, unit="ms"),
        Check(claim="a step, p99", figure="step_p99_ms", relation="<", bound=10, unit="ms"),
        Check(claim='stalls told as "many small steps"', figure="named_share", relation=">=", bound=0.9),
        Check(
            claim="share of the pass that the named tasks explain", figure="explained_share", relation=">=", bound=0.9
        ),
        Check(claim="a reply, p50, all ÷ 20 at a time", figure="slowdown", relation=">=", bound=5, unit="×"),
    ),
    advice=(
        "Look at passes, not only at steps. Bound how many tasks of a kind may be under way (`trio.CapacityLimiter`, a "
        "bulkhead): those that wait for their turn are not runnable, and cost the pass nothing. The price is a poll "
        "every few milliseconds instead of every few hundred."
    ),
    collect=_collect,
    lab=False,
)
