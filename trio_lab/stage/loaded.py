"""What a load phase found, seen from three sides at once: by the load, by a probe of /health, and in the queues."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from ..measure.percentile import percentile
from ..records.examination import Step
from ..records.health import Health
from ..records.load import Latencies, LoadResult

LEAD = 0.2  # seconds that the probe runs before the load, so that its own connecting is not blamed on the load


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The load's own result, the /health probe's, and the server's queues over time, as a ``step`` that also has looks from
    before the load.

    ``cpu`` is the CPU seconds that the server and its children used. ``jobs`` is how many jobs each queue ended meanwhile,
    by the queue's name, without the queues that do not count them.
    """

    load: LoadResult
    probe: LoadResult
    step: Step
    cpu: float
    jobs: dict[str, int]

    @property
    def samples(self) -> tuple[Health, ...]:
        """The server at each look, in order of time."""
        return tuple(seen.health for seen in self.step.sightings)

    def wasted(self, queue: str) -> float | None:
        """The share of the jobs that ``queue`` ended whose clients had left; None when it ended none."""
        jobs = self.jobs.get(queue, 0)
        return max(0.0, 1 - self.load.requests.ok / jobs) if jobs else None

    def health_points(self) -> list[tuple[float, float]]:
        """(when it was asked, from the start of the load; seconds until the answer) of every probe, in order of time."""
        return [(begun - LEAD, latency) for begun, latency in self.probe.by_start() if begun >= LEAD]

    @property
    def health(self) -> Latencies:
        """Of the probes that were asked while the load ran, exact; infinite if none was answered."""
        seen = [latency for _, latency in self.health_points()] or [math.inf]
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "max": 1.0}
        return Latencies(mean=fmean(seen), **{name: percentile(seen, share) for name, share in shares.items()})

    @property
    def health_p99_ms(self) -> float:
        return self.health.p99 * 1e3


def ended_between(before: Health, after: Health) -> dict[str, int]:
    """Jobs that each queue has ended between two looks. A queue that a route opened meanwhile had ended none."""
    counts, so_far = _completions(after), _completions(before)
    return {name: count - so_far.get(name, 0) for name, count in counts.items()}


def _completions(health: Health) -> dict[str, int]:
    """Jobs that each queue has ended since the server started."""
    return {queue.name: queue.completions for queue in health.queues if queue.completions is not None}
