"""The totals of a watched loop, for `/metrics`. Call it in the loop: it takes some tens of microseconds, and nothing is done
between two calls."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping

from ..records.queue import QueueStatistics
from ..records.totals import GarbageTotals, QueueTimes, RouteTotals, StallTotals, Totals
from .loop_time import Intervals
from .watch import Watch


def totals_of(
    watch: Watch,
    queues: Iterable[QueueStatistics],
    *,
    timer: Intervals | None = None,
    routes: Iterable[RouteTotals] = (),
    active: int | None = None,
    tasks: int | None = None,
) -> Totals:
    """``queues`` are those that were read for the health that the totals go with."""
    passes = watch.passes
    return Totals(
        passes=passes.busy.buckets(),
        delays=passes.busy.delays(passes.waited),
        waited=passes.waited,
        intervals=None if timer is None else timer.all.buckets(),
        queues=tuple(times for queue in queues for times in queue_times(queue)),
        routes=tuple(routes),
        active=active,
        stalls=_by_cause(watch),
        garbage=tuple(_garbage(generation) for generation in gc.get_stats()),
        tasks=tasks,
    )


def queue_times(queue: QueueStatistics) -> Iterator[QueueTimes]:
    """Of each kind of callers of a queue, so that their sum is that of the queue."""
    for part in queue.parts():
        wait, service = (None if times is None else times.buckets for times in (part.wait, part.service))
        if wait is not None or service is not None:
            yield QueueTimes(queue=queue.name, kind=queue.kind_of(part), wait=wait, service=service)


def _garbage(generation: Mapping[str, int]) -> GarbageTotals:
    return GarbageTotals(
        collections=generation["collections"],
        collected=generation["collected"],
        uncollectable=generation["uncollectable"],
    )


def _by_cause(watch: Watch) -> tuple[StallTotals, ...]:
    found: dict[str, tuple[int, float]] = {}
    for row in watch.table():
        count, total = found.get(row.cause, (0, 0.0))
        found[row.cause] = count + row.count, total + row.total
    return tuple(StallTotals(cause=cause, count=count, total=total) for cause, (count, total) in sorted(found.items()))
