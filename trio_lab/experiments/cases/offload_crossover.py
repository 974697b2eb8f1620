"""How long a job has to be until it pays to take it off the loop."""

from __future__ import annotations

from statistics import median
from typing import Any

from ...diagnose.crossover import Point, crossover
from ...records.chart import Chart, Role
from ...records.check import Check
from ...stage.stage import Stage
from ...subjects import offload
from .. import charts
from ..model import Collected, Experiment

_LENGTHS = (0.05, 0.2, 0.5, 2.0, 10.0, 50.0, 100.0)  # ms
_SHORTEST, _LONGEST = _LENGTHS[0], _LENGTHS[-1]
_PAYS = 0.5  # of the delay that others have beside the same job on the loop
_ROLES: dict[str, Role] = {"loop": "bad", "thread": "neutral", "process": "good"}

Row = dict[str, Any]


def _points(rows: list[Row], place: str, figure: str) -> list[Point]:
    return [(row["job_ms"], row[figure]) for row in rows if row["place"] == place and row[figure] is not None]


def _at(rows: list[Row], place: str, figure: str, length: float) -> float | None:
    return dict(_points(rows, place, figure)).get(length)


def _loop_cost(rows: list[Row], place: str) -> float:
    """Milliseconds of the loop's own CPU time that handing over one job takes; of short jobs, where nothing else shows."""
    return median(cost for length, cost in _points(rows, place, "loop_cpu_ms") if length <= 2.0)


def _pays(rows: list[Row], place: str) -> float | None:
    """The shortest of the lengths from which on others are delayed at most half as long as beside the loop."""
    usual, other = _points(rows, "loop", "echo_p99_ms"), _points(rows, place, "echo_p99_ms")
    both = {x for x, _ in usual} & {x for x, _ in other}
    return crossover([p for p in usual if p[0] in both], [p for p in other if p[0] in both], share=_PAYS)


def _figures(rows: list[Row]) -> dict[str, float | None]:
    whole, compute = _points(rows, "process", "whole_ms"), dict(_points(rows, "process", "compute_ms"))
    figures: dict[str, float | None] = {
        "worker_overhead_ms": median(took - compute[length] for length, took in whole if length <= 2.0),
        "worker_loop_cost_ms": _loop_cost(rows, "process"),
        "thread_loop_cost_ms": _loop_cost(rows, "thread"),
        "worker_pays_from_ms": _pays(rows, "process"),
        "thread_pays_from_ms": _pays(rows, "thread"),
    }
    for place in _ROLES:
        figures[f"{place}_longest_echo_p99_ms"] = _at(rows, place, "echo_p99_ms", _LONGEST)
        figures[f"{place}_shortest_whole_ms"] = _at(rows, place, "whole_ms", _SHORTEST)
    thread, worker = figures["thread_longest_echo_p99_ms"], figures["process_longest_echo_p99_ms"]
    figures["thread_over_worker"] = thread / worker if thread and worker else None
    shortest, dear = figures["loop_shortest_whole_ms"], figures["process_shortest_whole_ms"]
    figures["shortest_slowdown"] = dear / shortest if dear and shortest else None
    return figures


def _chart(rows: list[Row], title: str, y: str, figure: str) -> Chart:
    return charts.chart(
        title,
        "line",
        "length of the job, ms",
        y,
        [charts.series(place, _points(rows, place, figure), role=role) for place, role in _ROLES.items()],
        log_x=True,
        log_y=True,
    )


async def _collect(stage: Stage) -> Collected:
    seconds = stage.seconds(3, quick=0.7)
    rows = (await stage.program(offload.__name__, seconds, *_LENGTHS))["rows"]
    figures = _figures(rows)
    return Collected(
        figures=figures,
        charts=(
            _chart(rows, "What everybody else feels", "echo p99, ms", "echo_p99_ms"),
            _chart(rows, "How long the job takes whoever asked for it", "ms (p50)", "whole_ms"),
        ),
        first_full=None,
        finding=_finding(figures),
    )


def _finding(figures: dict[str, float | None]) -> str:
    said = [
        f"A worker process added {figures['worker_overhead_ms']:.2f} ms to a job and cost the loop "
        f"{figures['worker_loop_cost_ms']:.2f} ms of its own time; a thread cost it {figures['thread_loop_cost_ms']:.2f} ms."
    ]
    for place in ("worker", "thread"):
        pays = figures[f"{place}_pays_from_ms"]
        where = f"from {pays:g} ms on" if pays is not None else f"at no length up to {_LONGEST:g} ms"
        said.append(f"A {place} halved the delay of others {where}.")
    return " ".join(said)


EXPERIMENT = Experiment(
    name="offload-crossover",
    title="Where a worker starts to pay",
    order=27,
    expected_s=20,
    question="How long must a job of plain Python be until it pays to take it off the loop?",
    prediction=(
        "Much shorter than the 50 ms of the rule of thumb, for everybody else: a worker process takes less than a "
        "millisecond of the loop's time, so jobs of 10 ms are better off in it. A thread is half a cure: however long "
        "the job, it keeps the GIL for 5 ms at a time. For jobs far under a millisecond either costs more than the job."
    ),
    figures=(
        "worker_overhead_ms",
        "worker_loop_cost_ms",
        "thread_loop_cost_ms",
        "worker_pays_from_ms",
        "thread_pays_from_ms",
        *(f"{place}_{figure}" for place in _ROLES for figure in ("longest_echo_p99_ms", "shortest_whole_ms")),
        "thread_over_worker",
        "shortest_slowdown",
    ),
    checks=(
        Check(
            claim="the loop's own time for a job in a worker",
            figure="worker_loop_cost_ms",
            relation="<=",
            bound=1,
            unit="ms",
        ),
        Check(
            claim="a worker halves the delay of others from",
            figure="worker_pays_from_ms",
            relation="<=",
            bound=10,
            unit="ms",
        ),
        Check(
            claim="echo p99 beside jobs of 100 ms in a worker",
            figure="process_longest_echo_p99_ms",
            relation="<",
            bound=25,
            unit="ms",
        ),
        Check(
            claim="echo p99 beside jobs of 100 ms, thread ÷ worker",
            figure="thread_over_worker",
            relation=">=",
            bound=2,
            unit="×",
        ),
        Check(claim="a job of 0.05 ms, worker ÷ loop", figure="shortest_slowdown", relation=">=", bound=2, unit="×"),
    ),
    advice=(
        "Measure what handing over costs on your machine, and take off the loop what is clearly longer: here a few "
        "milliseconds, not fifty. Leave shorter work where it is, or hand over many pieces at once. Do not use a thread "
        "for Python code to spare the loop, unless the job is much longer than the 5 ms for which it keeps the GIL."
    ),
    collect=_collect,
    lab=False,
)
