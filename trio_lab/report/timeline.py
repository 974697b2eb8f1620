"""The queues of one round over time: depth, wait, and the loop's passes, under each other on the same time axis."""

from __future__ import annotations

from trio_lab.records.chart import Axis, Chart, Kind, Point, Rule, Series
from trio_lab.records.timeline import QueueTrack, Timeline

DEPTH = "Queues: callers that wait"
"""The title of the chart that shows which queue fills."""

_MOST = 5  # queues in one chart; the others were never deeper
_SECONDS = "seconds since the round began"


def timeline_charts(timeline: Timeline) -> list[Chart]:
    """From the top: replies, callers that wait in each queue, how long they waited, the loop's longest passes.

    A line marks where a queue became full. A chart of which nothing was observed is left out.
    """
    replies = [Series(name=phase.name, points=phase.replies) for phase in timeline.phases if phase.replies]
    deepest = sorted(timeline.queues, key=_deepest, reverse=True)[:_MOST]
    queues = [queue for queue in timeline.queues if queue in deepest and _deepest(queue) > 0]
    depth = [_series(timeline, queue.name, queue.waiting) for queue in queues]
    waits = [_series(timeline, queue.name, _in_ms(queue.wait)) for queue in queues if any(queue.wait)]
    passes = [_series(timeline, "longest pass", _in_ms(timeline.passes))]
    full = _full(timeline)
    charts = [
        _chart(timeline, "Load: replies over time", "line", "replies/s", replies, ()),
        _chart(timeline, DEPTH, "step", "callers that wait", depth, full),
        _chart(timeline, "Queues: how long they waited", "point", "mean wait, ms", waits, full, log=True),
        _chart(timeline, "Loop: the longest pass", "step", "ms", passes, (), log=True),
    ]
    return [chart for chart in charts if any(y for series in chart.series for _, y in series.points)]


def _deepest(queue: QueueTrack) -> int:
    return max((waiting or 0 for waiting in queue.waiting), default=0)


def _in_ms(values: tuple[float | None, ...]) -> tuple[float | None, ...]:
    return tuple(None if value is None else value * 1e3 for value in values)


def _series(timeline: Timeline, name: str, values: tuple[float | None, ...]) -> Series:
    points: list[Point] = list(zip(timeline.seconds, values, strict=False))
    return Series(name=name, points=tuple(points))


def _full(timeline: Timeline) -> tuple[Rule, ...]:
    """Where the first queue of each phase became full."""
    return tuple(
        Rule(axis="x", at=phase.full_at, label=f"{phase.first_full} full")
        for phase in timeline.phases
        if phase.full_at is not None
    )


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
