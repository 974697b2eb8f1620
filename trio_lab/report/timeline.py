"""The queues of one round over time: load, depth, wait and the loop's passes, under each other on the same time axis."""

from __future__ import annotations

from collections.abc import Iterable

from trio_lab.records.chart import Axis, Chart, Kind, Point, Rule, Series
from trio_lab.records.timeline import Phase, QueueTrack, Timeline

DEPTH = "Queues: callers that wait"
"""The title of the chart that shows which queue fills."""

_MOST = 5  # queues in one chart; the others were never deeper
_SECONDS = "seconds since the start"


def timeline_charts(timeline: Timeline) -> list[Chart]:
    """From the top: load, callers that wait in each queue, how long they waited, the loop's longest passes.

    A line marks where a queue became full, and is named where callers wait. A chart of which nothing was observed is left
    out.
    """
    deepest = sorted(timeline.queues, key=_deepest, reverse=True)[:_MOST]
    queues = [queue for queue in timeline.queues if queue in deepest and _deepest(queue) > 0]
    depth = [_series(timeline, queue.name, queue.waiting) for queue in queues]
    # Of every queue, observed or not: a queue has the same colour in both charts.
    waits = [_series(timeline, queue.name, _in_ms(queue.wait)) for queue in queues]
    # A step lasts from its moment on, and the longest pass is that since the moment before.
    passes = [_series(timeline, "longest pass", _in_ms((*timeline.passes[1:], *timeline.passes[-1:])))]
    full = _full(timeline.phases)
    unnamed = tuple(Rule(axis="x", at=rule.at) for rule in full)
    charts = [
        _chart(timeline, "Load: offered and answered", "line", "requests/s", _load(timeline.phases), unnamed),
        _chart(timeline, DEPTH, "step", "callers", depth, full),
        _chart(timeline, "Queues: how long callers waited", "point", "mean wait, ms", waits, unnamed, log=True),
        _chart(timeline, "Event loop: the longest pass", "step", "ms", passes, unnamed, log=True),
    ]
    return [chart for chart in charts if any(y for series in chart.series for _, y in series.points)]


def fills_first(timeline: Timeline) -> tuple[str, float] | None:
    """The queue that filled first, and when; None when none did."""
    full = [(phase.full_at, phase.first_full) for phase in timeline.phases if phase.full_at is not None]
    return (str(min(full)[1]), min(full)[0]) if full else None


def _full(phases: Iterable[Phase]) -> tuple[Rule, ...]:
    """Where each queue that was the first of a phase became full for the first time."""
    found: dict[str, float] = {}
    for phase in phases:
        if phase.first_full is not None and phase.full_at is not None:
            found[phase.first_full] = min(phase.full_at, found.get(phase.first_full, phase.full_at))
    moments = sorted(found.items(), key=lambda one: one[1])
    return tuple(
        Rule(axis="x", at=at, label=f"{name} {'full too' if number else 'fills first'}")
        for number, (name, at) in enumerate(moments)
    )


def _load(phases: Iterable[Phase]) -> list[Series]:
    """What was answered, a line for each kind of load, and what an open workload offered. Phases are apart by a gap."""
    lines: dict[str, list[Point]] = {}
    for phase in sorted(phases, key=lambda phase: phase.begin):
        if phase.offered is not None:
            offered = lines.setdefault(f"{phase.name}: offered", [])
            offered += [(phase.begin, phase.offered), (phase.end, phase.offered), (phase.end, None)]
        if phase.replies:
            lines.setdefault(phase.name, []).extend([*phase.replies, (phase.replies[-1][0], None)])
    return [Series(name=name, points=tuple(points)) for name, points in lines.items()]


def _deepest(queue: QueueTrack) -> int:
    return max((waiting or 0 for waiting in queue.waiting), default=0)


def _in_ms(values: tuple[float | None, ...]) -> tuple[float | None, ...]:
    return tuple(None if value is None else value * 1e3 for value in values)


def _series(timeline: Timeline, name: str, values: tuple[float | None, ...]) -> Series:
    points: list[Point] = list(zip(timeline.seconds, values, strict=False))
    return Series(name=name, points=tuple(points))


def _chart(
    timeline: Timeline,
    title: str,
    kind: Kind,
    y: str,
    series: list[Series],
    rules: tuple[Rule, ...],
    *,
    log: bool = False,
) -> Chart:
    ends = [
        *timeline.seconds,
        *(at for phase in timeline.phases for at in (phase.end, *(at for at, _ in phase.replies))),
    ]
    return Chart(
        title=title,
        kind=kind,
        x=Axis(title=_SECONDS, span=(0.0, max(ends, default=1.0))),
        y=Axis(title=y, log=log),
        series=tuple(series),
        rules=rules,
    )
