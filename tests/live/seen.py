"""What a service may have told: health and totals, made by arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from trio_lab.http.requests import Requests
from trio_lab.live.metrics.metric import Seen
from trio_lab.loop.totals import queue_times
from trio_lab.measure.histogram import Histogram
from trio_lab.records.health import Health, Loop, Process, ThreadCounts, Usage, WorkerCounts
from trio_lab.records.queue import QueueStatistics
from trio_lab.records.totals import GarbageTotals, StallTotals, Totals

PASSES = (0.0003, 0.004, 0.2, 0.2)
WAITED = 9.5957
_alive: list[Histogram] = []  # a summary holds its histogram weakly


def of(values: Sequence[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    _alive.append(histogram)
    return histogram


def queue(name: str, *, waits: Sequence[float] = (), services: Sequence[float] = (), **counts: int) -> QueueStatistics:
    known = dict.fromkeys(("rejected", "timed_out", "cancelled"), 0) | counts
    return QueueStatistics(name=name, wait=of(waits).summary(), service=of(services).summary(), **known)


def pool(name: str = "native_pool") -> QueueStatistics:
    """Two kinds of jobs: four hashes of 40 ms, which waited, and a long one."""
    hashes = queue(f"{name}.hash", waits=[0.1] * 4, services=[0.04] * 4, arrivals=9, completions=4, cancelled=2)
    reports = queue(f"{name}.reports", waits=[0.0], services=[3.0], arrivals=2, completions=1, rejected=1)
    state = {"capacity": 4, "in_service": 3, "waiting": 16, "max_waiting": 1000, "peak_waiting": 20}
    return QueueStatistics(
        name=name,
        arrivals=11,
        completions=5,
        rejected=1,
        timed_out=0,
        cancelled=2,
        utilization=0.75,
        wait=of([0.1] * 4 + [0.0]).summary(),
        service=of([0.04] * 4 + [3.0]).summary(),
        kinds=(hashes, reports),
        **state,
    )


def health(*queues: QueueStatistics, runtime: str = "trio") -> Health:
    passes = of(PASSES)
    found = passes.summary()
    return Health(
        runtime=runtime,
        event_loop_mean_ms=21,
        event_loop_max_ms=220,
        threads=4,
        pool=WorkerCounts(workers=2, busy=1, queued=0, restarts=3),
        native_pool=ThreadCounts(threads=4, busy=3, abandoned=1, queued=16),
        loop=Loop(
            mean=found.mean,
            p50=found.p50,
            p99=found.p99,
            max=found.max,
            delay_p99=passes.delay(0.99, passes.total + WAITED),
            utilization=passes.total / (passes.total + WAITED),
            passes=found.count,
            blind=None,
        ),
        profile="guarded",
        process=Process(memory=90_000_000, memory_limit=1_000_000_000, descriptors=31),
        queues=queues or (QueueStatistics(name="accept_backlog", waiting=0, max_waiting=1024), pool()),
        usage=Usage(elapsed=10.0, cpu=4.5, loop_cpu=0.4, children_cpu=2.0, gc=0.25, cores=2.0, max_descriptors=1024),
    )


def requests() -> Requests:
    found = Requests()
    for status, seconds in ((200, 0.04), (200, 0.3), (503, 0.001), (504, 5.2), (500, 0.1), (404, 0.002), (None, 1.0)):
        found.keep("GET /hash", status, seconds)
    found.keep("GET /health", 200, 0.001)
    return found


def seen(told: Health | None = None) -> Seen:
    told = health() if told is None else told
    totals = Totals(
        passes=of(PASSES).buckets(),
        delays=of(PASSES).delays(WAITED),
        waited=WAITED,
        intervals=of([0.02, 0.22]).buckets(),
        queues=tuple(times for one in told.queues for times in queue_times(one)),
        routes=requests().totals(),
        active=17,
        stalls=(StallTotals(cause="python", count=2, total=0.4),),
        garbage=(GarbageTotals(collections=7, collected=70, uncollectable=0),),
        tasks=42,
    )
    return Seen(health=told, totals=totals, serving=2, restarts=1)
