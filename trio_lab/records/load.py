"""What a load run found: the one record from the generator, through `trio-lab load --json`, to experiments and reports.

Every request that was sent is counted once, by what came of it for its client. ``ok``: 2xx or 3xx within its patience.
``shed``: 503 or 429, a refusal that the server chose. ``errors``: no connection, no whole reply, or any other status.
``timed_out``: the client left or gave up. They sum to ``sent``. ``dropped`` requests were never sent, which is the
generator's fault and says nothing about the server.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from .codec import MS, In, Milliseconds, Seconds
from .summary import Summary

_BEHIND = 0.01  # share of the requests
_ROUNDED = 1e-3  # seconds: what the start of a row is rounded to on its way

Rate = Annotated[float, In(suffix="_rps", digits=2)]
"""Per second."""
Sample = tuple[Annotated[float, In(digits=6)], Annotated[float, In(factor=1e3, digits=4)]]
"""(when the reply had come, from the start of the run; its latency), seconds inside; milliseconds in JSON for the latter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Requests by their end. ``completed``: whole replies of any status."""

    sent: int = 0
    completed: int = 0
    ok: int = 0
    shed: int = 0
    timed_out: int = 0
    errors: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Seconds. All are not-a-number when there were none: 0 would be the best latency there is, and None cannot be
    divided. What is calculated from not-a-number is not-a-number too, and is never judged."""

    mean: float = math.nan
    p50: float = math.nan
    p90: float = math.nan
    p99: float = math.nan
    p99_9: float = math.nan
    max: float = math.nan

    @classmethod
    def of(cls, summary: Summary) -> Latencies:
        if not summary.count:
            return cls()
        s = summary
        return cls(mean=s.mean, p50=s.p50, p90=s.p90, p99=s.p99, p99_9=s.p99_9, max=s.max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One interval of the series: what ended in it, whenever that began. Seconds; ``start`` from the start of the run,
    ``p50`` and ``max`` of the ok replies, None when there were none."""

    start: Annotated[float, In(name="t", digits=3)]
    ok: int
    shed: int
    timed_out: int
    errors: int
    p50: Milliseconds | None
    max: Milliseconds | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One URL or one stage of a run: its requests and their latency, counted like those of the whole run."""

    name: str
    requests: Counts
    latency: Annotated[Latencies, MS]
    status: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """How the generator itself fared.

    ``cpu_share`` is the share of one core used by the thread that ran it. ``late_p99`` is how late requests were sent
    although a connection was free; None in a closed workload. ``bottleneck`` is one sentence when the figures may be
    the generator's own. ``abandoned`` requests were in flight when a run was stopped early; they are not in ``sent``.
    """

    cpu_share: Annotated[float, In(digits=3)]
    late_p99: Milliseconds | None
    bottleneck: str | None
    reconnects: int
    abandoned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """What was sent again. Every try counts in ``sent``, so there were ``sent`` less ``retries`` requests that a client
    wanted an answer to; ``failed`` is how many of these had none in the end. ``denied``: retries that the budget did not
    allow."""

    retries: int
    failed: int
    denied: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """One run.

    ``duration`` is what it was: shorter than planned when the run was stopped. The rates count what ended inside it:
    ``throughput`` whole replies of any status, ``goodput`` ok replies. The counts and latencies also hold the requests
    that were still in flight at its end.

    ``latency`` counts from the intended start, ``service`` from the actual send, both of the ok replies: fast refusals
    would make an overloaded server look quick. ``shed`` is the latency of the refusals, ``by_status`` that of the replies
    by their status, where all that succeeded are one entry, "2xx". ``unanswered`` requests timed
    out, were dropped or were abandoned; both latencies count them with the time that they had waited, so they are lower
    bounds. ``behind`` is how many requests of an open workload were due and not sent when the duration ended.
    ``offered`` is the rate of an open workload, the mean of its stages. ``samples`` are thinned evenly when they are many.
    ``urls`` and ``stages`` are there when the run had several. ``url`` is then the first one. ``retries`` are there when
    requests were sent again, and ``unserved``, the clients without a single ok reply, in a closed workload whose clients
    leave or retry.
    """

    OPTIONAL = ("samples", "urls", "stages", "retries", "unserved")

    url: str
    mode: Literal["closed", "open"]
    connections: int
    duration: Seconds
    requests: Counts
    throughput: Rate
    goodput: Rate
    latency: Annotated[Latencies, MS]
    status: dict[str, int]
    offered: Annotated[float | None, In(suffix="_rps")]
    service: Annotated[Latencies, MS]
    shed: Annotated[Latencies, MS]
    error_kinds: dict[str, int]
    series: tuple[Row, ...]
    generator: Generator
    unanswered: int = 0
    behind: int = 0
    samples: tuple[Sample, ...] | None = None
    by_status: Annotated[dict[str, Annotated[Latencies, MS]], In(name="by_status_ms")] = field(default_factory=dict)
    urls: tuple[Part, ...] | None = None
    stages: tuple[Part, ...] | None = None
    retries: Retries | None = None
    unserved: int | None = None

    def goodput_in(self, begin: float, end: float = math.inf) -> float | None:
        """Ok replies per second in the whole rows of the series from ``begin`` to ``end``, seconds from the start of the
        run; None without such a row. What came after the duration is in none of them."""
        ends = [*(row.start for row in self.series[1:]), self.duration]
        within = [
            (row.ok, after - row.start)
            for row, after in zip(self.series, ends, strict=False)
            if begin - _ROUNDED <= row.start < after <= min(end, self.duration) + _ROUNDED
        ]
        seconds = math.fsum(length for _, length in within)
        return sum(ok for ok, _ in within) / seconds if seconds else None

    @property
    def succeeded(self) -> int:
        """Replies with a status of 2xx."""
        return sum(count for status, count in self.status.items() if status.startswith("2"))

    @property
    def warnings(self) -> list[str]:
        """Sentences that a reader of the figures must know, if any."""
        counts = self.requests
        wanted = counts.sent + self.generator.abandoned + counts.dropped
        found = [] if self.generator.bottleneck is None else [self.generator.bottleneck]
        if self.unanswered:
            found.append(
                f"{self.unanswered:,} of {wanted:,} requests had no reply. The latencies count them with the time that they "
                "had waited, so the true figures are at least as high."
            )
        if self.behind > _BEHIND * wanted:
            found.append(
                f"{self.behind:,} of {wanted:,} requests were due and not sent when the duration ended. They count, but in "
                "a longer run the latencies may be higher."
            )
        if counts.completed and not self.throughput:
            found.append("No reply came within the duration, so both rates are 0: it must be longer than a request.")
        return found

    def require_ok(self) -> LoadResult:
        """This result.

        Raises:
            RuntimeError: a request did not end as ok, so figures of it would compare different things.
        """
        if others := self.requests.sent - self.requests.ok:
            raise RuntimeError(f"{others} of {self.requests.sent} requests were not answered with 200")
        return self

    @property
    def pace(self) -> float:
        """Replies a second until the last one, by the samples: what is in flight when the duration ends counts too, and so
        does its time. Of a few long requests `throughput` counts one batch more or less; this does not."""
        last = max((ended for ended, _ in self.samples or ()), default=0.0)
        return len(self.samples or ()) / last if last else 0.0

    def by_start(self) -> list[tuple[float, float]]:
        """The samples as (intended start, from the start of the run; latency), in order of time. Seconds."""
        return sorted((max(0.0, ended - latency), latency) for ended, latency in self.samples or ())
