"""Two thousand small decisions in one pass: no step is slow, and everybody waits.

Varied: how many of the tasks may be under way at once (all, or 20). Held fixed: the tasks and their steps of 0.2 ms, four
clients that ask for a reply which needs nothing. The program watches itself; what it saw is asked for at the end.

A pass gives one step to every runnable task, so it is as long as 2 000 steps: at least 1 000 of what a step took in this round
leaves room for noise. Every other pass only gives the tasks their places, and on a busy machine it is over the budget too,
hence the 90th percentile of those that are. 20 at a time make a hundredth of a pass, hence at least 5×. A step may be
interrupted by the system, hence a fortieth of a pass and not a two-thousandth. The watch has to name the pass, not a line, and
five names have to explain it: 0.9 each. Stalls that other programs caused are not the program's to be named, and are left out.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial

from ...loop.stalls import NOT_RUNNING, SMALL_STEPS
from ...records.codec import decode
from ...records.figures import Measures, check, measured
from ...records.load import Latencies
from ...stage.server import serving
from ...stage.stage import Stage
from ...subjects import small_steps
from ...subjects.small_steps import Watched
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_TASKS, _STEP_MS = 2000, 0.2
_AT_ONCE = 20  # of the cure: 4 ms of steps in a pass
_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the program's own watch told at the end, and the latencies of a client of it."""

    watch: Watched
    latency: Latencies


async def _crowd(stage: Stage, at_once: int) -> _Seen:
    program = [sys.executable, "-m", small_steps.__name__, str(_TASKS), str(_STEP_MS), str(at_once)]
    async with serving(program) as server:
        load = await stage.load(server.url + "/", connections=_CONNECTIONS, duration=stage.seconds(5, quick=2))
        return _Seen(decode(Watched, (await server.fetch("/", timeout=60)).body), load.latency)


def _stalls(seen: _Seen) -> int:
    """Those that the program made itself."""
    return seen.watch.stalls - seen.watch.causes.get(NOT_RUNNING, 0)


def _long_pass(seen: _Seen) -> float:
    """The 90th percentile of those over the budget; the 99th of all if none was."""
    return seen.watch.stall_p90 or seen.watch.passes.p99


_FIGURES: Measures[tuple[_Seen, _Seen]] = {  # of the crowd, and cured
    "pass_ms": lambda seen: _long_pass(seen[0]) * 1e3,
    "step_p50_ms": lambda seen: seen[0].watch.steps.p50 * 1e3,
    "step_p99_ms": lambda seen: seen[0].watch.steps.p99 * 1e3,
    "pass_in_steps": lambda seen: _long_pass(seen[0]) / seen[0].watch.steps.p50,
    "step_in_passes": lambda seen: seen[0].watch.steps.p99 / _long_pass(seen[0]),
    "stalls": lambda seen: _stalls(seen[0]),
    "named_share": lambda seen: seen[0].watch.causes.get(SMALL_STEPS, 0) / own if (own := _stalls(seen[0])) else None,
    "explained_share": lambda seen: seen[0].watch.explained,
    "reply_p50_ms": lambda seen: seen[0].latency.p50 * 1e3,
    "reply_p50_cured_ms": lambda seen: seen[1].latency.p50 * 1e3,
    "slowdown": lambda seen: seen[0].latency.p50 / seen[1].latency.p50,
    "pass_p50_cured_ms": lambda seen: seen[1].watch.passes.p50 * 1e3,
    "steps_cured_share": lambda seen: seen[1].watch.steps.count / seen[0].watch.steps.count,
}


async def _collect(stage: Stage) -> Collected:
    found = await stage.once({at_once: partial(_crowd, stage, at_once) for at_once in (0, _AT_ONCE)})
    crowd, cured = found[0], found[_AT_ONCE]
    return Collected(
        figures=measured(_FIGURES, (crowd, cured)),
        charts=(
            charts.percentiles(
                "Latency of a reply that needs nothing",
                [
                    (f"{_TASKS} runnable", crowd.latency, "bad"),
                    (f"{_AT_ONCE} of them at a time", cured.latency, "good"),
                ],
            ),
        ),
    )


def _finding(found: Reading) -> str:
    return f"""The longest steps of {_TASKS} tasks took {found.said("step_p99_ms", "ms")} (p99), and a long pass
        {found.said("pass_ms", "ms")} (p90). Of the stalls, the watch called this share "{SMALL_STEPS}":
        {found.said("named_share")}. A reply took {found.said("reply_p50_ms", "ms")} (p50); with {_AT_ONCE} tasks at a time
        {found.said("reply_p50_cured_ms", "ms")}."""


EXPERIMENT = Experiment(
    name="many-small-steps",
    title="Many small steps",
    order=26,
    expected_s=15,
    question="What happens when no step is slow, but two thousand tasks are runnable at once?",
    prediction="""2 000 runnable tasks with steps of 0.2 ms make passes of 400 ms, so no request is served for that
        long, although no profiler finds a slow function. A watch that measures steps names the pass for what it is, and
        the task whose steps fill it. The same tasks, 20 at a time, let others in between.""",
    figures=_FIGURES,
    checks=(
        check("a long pass, p90 ÷ a step, p50", "pass_in_steps", ">=", 1000, "×"),
        check("a step, p99 ÷ a long pass, p90", "step_in_passes", "<", 0.025, "×"),
        check('stalls told as "many small steps"', "named_share", ">=", 0.9),
        check("share of the pass that the named tasks explain", "explained_share", ">=", 0.9),
        check("a reply, p50, all ÷ 20 at a time", "slowdown", ">=", 5, "×"),
    ),
    advice="""Look at passes, not only at steps. Bound how many tasks of a kind may be under way
        (`trio.CapacityLimiter`, a bulkhead): those that wait for their turn are not runnable, and cost the pass
        nothing. The price is a poll every few milliseconds instead of every few hundred.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
