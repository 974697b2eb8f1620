"""How long a job has to be until it pays to take it off the loop.

Varied: the length of a job of plain Python, from 0.05 to 100 ms, and where it runs. Held fixed: one job at a time, all in
one program, while a second process sends it a byte and waits for its echo: that delay is what others feel. "It pays" is
judged for others, as half of the delay beside the same job on the loop; what handing over costs the loop is told apart.

Pickling, a write, a read and two passes are some tenths of a millisecond, hence 1 ms of the loop's time. At 10 ms the
loop would be blocked ten times as long as that. Nothing computes on the loop beside a worker: a quarter
of the job. A thread keeps the
GIL for 5 ms at a time and a process does not share it: 2×. Two pipes and a process switch against 50 µs: 2×. Another
program on the second core makes the worker look worse, since it needs that core.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from statistics import median

from ...diagnose.crossover import Point, crossover
from ...records.chart import Chart, Role
from ...records.figures import Measures, check, measured
from ...stage.alone import alone
from ...stage.stage import Stage
from ...subjects.offload import Phase, offloaded
from .. import charts
from ..model import Collected, Experiment
from ..reading import Reading

_LENGTHS = (0.05, 0.2, 0.5, 2.0, 10.0, 50.0, 100.0)  # ms
_SHORTEST, _LONGEST = _LENGTHS[0], _LENGTHS[-1]
_SHORT = 2.0  # ms: of jobs no longer than this the cost of handing over is seen, and nothing else
_PAYS = 0.5  # of the delay that others have beside the same job on the loop
_ROLES: dict[str, Role] = {"loop": "bad", "thread": "neutral", "process": "good"}

Part = Callable[[Phase], float | None]
_ECHO, _WHOLE, _LOOP_CPU = (attrgetter(name) for name in ("echo_p99", "whole", "loop_cpu"))


def _points(phases: Sequence[Phase], place: str, part: Part) -> list[Point]:
    """(length of the job, a part of what was measured) in one place, where it was measured; milliseconds both."""
    seen = [(phase.length, part(phase)) for phase in phases if phase.place == place]
    return [(round(length * 1e3, 6), value * 1e3) for length, value in seen if value is not None]


def _at(place: str, part: Part, length: float, phases: Sequence[Phase]) -> float | None:
    return dict(_points(phases, place, part)).get(length)


def _ratio(part: Part, length: float, one: str, other: str, phases: Sequence[Phase]) -> float | None:
    found, base = (_at(place, part, length, phases) for place in (one, other))
    return found / base if found and base else None


def _short(phases: Sequence[Phase], place: str, part: Part) -> float:
    """The median over short jobs, in milliseconds."""
    return median(value for length, value in _points(phases, place, part) if length <= _SHORT)


def _pays(phases: Sequence[Phase], place: str) -> float | None:
    """The shortest of the lengths from which on others are delayed at most half as long as beside the loop: infinite if that
    is not so at the longest, None if nothing can be compared."""
    usual, other = _points(phases, "loop", _ECHO), _points(phases, place, _ECHO)
    both = {x for x, _ in usual} & {x for x, _ in other}
    if not both:
        return None
    found = crossover([p for p in usual if p[0] in both], [p for p in other if p[0] in both], share=_PAYS)
    return math.inf if found is None else found


_FIGURES: Measures[Sequence[Phase]] = {
    "worker_overhead_ms": lambda phases: _short(phases, "process", lambda phase: phase.whole - phase.compute),
    "worker_loop_cost_ms": lambda phases: _short(phases, "process", _LOOP_CPU),
    "thread_loop_cost_ms": lambda phases: _short(phases, "thread", _LOOP_CPU),
    "worker_pays_from_ms": lambda phases: _pays(phases, "process"),
    "thread_pays_from_ms": lambda phases: _pays(phases, "thread"),
    **{f"{place}_longest_echo_p99_ms": partial(_at, place, _ECHO, _LONGEST) for place in _ROLES},
    **{f"{place}_shortest_whole_ms": partial(_at, place, _WHOLE, _SHORTEST) for place in _ROLES},
    "process_echo_in_jobs": lambda phases: (
        None if (echo := _at("process", _ECHO, _LONGEST, phases)) is None else echo / _LONGEST
    ),
    "thread_over_worker": partial(_ratio, _ECHO, _LONGEST, "thread", "process"),
    "shortest_slowdown": partial(_ratio, _WHOLE, _SHORTEST, "process", "loop"),
}


def _chart(phases: Sequence[Phase], title: str, y: str, part: Part) -> Chart:
    return charts.chart(
        title,
        "line",
        ("length of the job, ms", y),
        [(place, _points(phases, place, part), role) for place, role in _ROLES.items()],
        log_x=True,
        log_y=True,
    )


async def _collect(stage: Stage) -> Collected:
    phases = await alone(partial(offloaded, stage.seconds(0.7, quick=0.25), [ms / 1e3 for ms in _LENGTHS]))
    return Collected(
        figures=measured(_FIGURES, phases),
        charts=(
            _chart(phases, "What other requests feel", "echo p99, ms", _ECHO),
            _chart(phases, "How long the job takes for its caller", "ms (p50)", _WHOLE),
        ),
    )


def _finding(found: Reading) -> str:
    said = [
        f"""A worker process added {found.said("worker_overhead_ms", "ms")} to a job and cost the loop
        {found.said("worker_loop_cost_ms", "ms")} of its own time; a thread cost it
        {found.said("thread_loop_cost_ms", "ms")}."""
    ]
    for place in ("worker", "thread"):
        pays = f"{place}_pays_from_ms"
        length = f"not found up to {_LONGEST:g} ms" if found[pays] == math.inf else found.said(pays, "ms")
        said.append(f"The length from which a {place} halves the delay of others: {length}.")
    return " ".join(said)


EXPERIMENT = Experiment(
    name="offload-crossover",
    title="Where a worker starts to pay",
    order=27,
    expected_s=20,
    question="How long must a job of plain Python be until it pays to take it off the loop?",
    prediction="""Much shorter than the 50 ms of the rule of thumb, as far as others are concerned: a worker process
        takes less than a millisecond of the loop's time, so jobs of 10 ms are better off in it. A thread is half a
        cure: however long the job, it keeps the GIL for 5 ms at a time. For jobs far under a millisecond either costs
        more than the job.""",
    figures=_FIGURES,
    checks=(
        check("the loop's own time for a job in a worker", "worker_loop_cost_ms", "<=", 1, "ms"),
        check("a worker halves the delay of others from", "worker_pays_from_ms", "<=", 10, "ms"),
        check("echo p99 beside jobs of 100 ms, worker ÷ the job", "process_echo_in_jobs", "<", 0.25, "×"),
        check("echo p99 beside jobs of 100 ms, thread ÷ worker", "thread_over_worker", ">=", 2, "×"),
        check("a job of 0.05 ms, worker ÷ loop", "shortest_slowdown", ">=", 2, "×"),
    ),
    advice="""Measure what handing over costs on your machine, and take off the loop what is clearly longer: here a few
        milliseconds, not fifty. Leave shorter work where it is, or hand over many pieces at once. Do not use a thread
        for Python code to spare the loop, unless the job is much longer than the 5 ms for which it keeps the GIL.""",
    collect=_collect,
    finding=_finding,
    lab=False,
)
