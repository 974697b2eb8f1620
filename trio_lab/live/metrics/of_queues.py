"""Metrics of queues: one record each, so one set of metrics for all.

What is counted is counted by kind of caller, so that a sum over kinds is the whole queue. The state, such as how many wait, is
that of the whole queue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from ...records.queue import QueueStatistics
from ...records.summary import Buckets
from ...records.totals import QueueTimes
from .metric import Metric, Sample, Seen

_OUTCOMES: dict[str, Callable[[QueueStatistics], int | None]] = {
    "completed": lambda queue: queue.completions,
    "rejected": lambda queue: queue.rejected,
    "timed_out": lambda queue: queue.timed_out,
    "cancelled": lambda queue: queue.cancelled,
}


def _state(name: str, says: str, value: Callable[[QueueStatistics], float | None]) -> Metric:
    return _gauge(f"queue_{name}", says, value, label="queue")


def _gauge(
    name: str,
    says: str,
    value: Callable[[QueueStatistics], float | None],
    *,
    label: str,
    only: Collection[str] | None = None,
) -> Metric:
    """A figure of each queue, or of ``only`` those of these names."""

    def read(seen: Seen) -> Iterator[Sample]:
        for queue in seen.health.queues:
            if (only is None or queue.name in only) and (found := value(queue)) is not None:
                yield (queue.name,), found

    return Metric(name=f"trio_lab_{name}", kind="gauge", says=says, labels=(label,), read=read)


def _ended(seen: Seen) -> Iterator[Sample]:
    for queue in seen.health.queues:
        for part in queue.parts():
            for outcome, count in _OUTCOMES.items():
                if (found := count(part)) is not None:
                    yield (queue.name, queue.kind_of(part), outcome), found


def _arrivals(seen: Seen) -> Iterator[Sample]:
    for queue in seen.health.queues:
        for part in queue.parts():
            if part.arrivals is not None:
                yield (queue.name, queue.kind_of(part)), part.arrivals


def _times(name: str, says: str, times: Callable[[QueueTimes], Buckets | None]) -> Metric:
    def read(seen: Seen) -> Iterator[Sample]:
        for one in () if seen.totals is None else seen.totals.queues:
            if (found := times(one)) is not None:
                yield (one.queue, one.kind), found

    return Metric(
        name=f"trio_lab_queue_{name}_seconds", kind="histogram", says=says, labels=("queue", "kind"), read=read
    )


LIMITERS = ("native_pool", "default_limiter")
"""Queues whose places are threads."""

METRICS = (
    _state("capacity", "Places that callers can hold at once.", lambda queue: queue.capacity),
    _state("in_service", "Places that are taken.", lambda queue: queue.in_service),
    _state("waiting", "Callers that wait for a place.", lambda queue: queue.waiting),
    _state("max_waiting", "Bound on the callers that wait.", lambda queue: queue.max_waiting),
    _state("peak_waiting", "Most callers that have waited at once.", lambda queue: queue.peak_waiting),
    _state("utilization_ratio", "Share of the offered place-time in use.", lambda queue: queue.utilization),
    Metric(
        name="trio_lab_queue_arrivals_total",
        kind="counter",
        says="Callers that have come.",
        labels=("queue", "kind"),
        read=_arrivals,
    ),
    Metric(
        name="trio_lab_queue_callers_total",
        kind="counter",
        says="Callers that have gone, by what became of them: completed, rejected, timed_out or cancelled.",
        labels=("queue", "kind", "outcome"),
        read=_ended,
    ),
    _times("wait", "From the arrival of a caller until it had a place.", lambda one: one.wait),
    _times("service", "How long a place was held; of the run queue, busy time of passes.", lambda one: one.service),
    _gauge(
        "tokens",
        "Tokens of a limiter: threads that may run at once.",
        lambda queue: queue.capacity,
        label="limiter",
        only=LIMITERS,
    ),
    _gauge(
        "tokens_borrowed",
        "Tokens of a limiter that are borrowed: threads that run.",
        lambda queue: queue.in_service,
        label="limiter",
        only=LIMITERS,
    ),
)
