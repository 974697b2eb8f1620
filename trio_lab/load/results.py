"""What a load run found: frozen records, and their JSON.

Every reply is counted once and by what it was worth to the client. ``ok``: 2xx or 3xx within its patience. ``shed``:
503 or 429, a refusal that the server chose. ``errors``: no connection, no whole reply, or any other status.
``timed_out``: the client left or gave up. They sum to ``sent``. Apart from them, ``dropped``: never sent at all, which
is the generator's doing and says nothing of the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trio_lab.load.connection import OUT_OF_PORTS
from trio_lab.measure.histogram import Histogram
from trio_lab.records.summary import Summary, as_ms

_BUSY = 0.9  # share of one core from which on the generator, not the server, may set the pace
_LATE = 1e-3  # seconds: lateness below this is the resolution of a timer, not a bottleneck
_LATE_SHARE = 0.1  # of the median latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One interval of the series: what ended in it, whenever that began. ``start`` in seconds into the run."""

    start: float
    ok: int
    shed: int
    timed_out: int
    errors: int
    p50: float  # of the ok replies, in seconds
    max: float

    def as_json(self) -> dict[str, float | int | None]:
        return {
            "t": round(self.start, 3),
            "ok": self.ok,
            "shed": self.shed,
            "timed_out": self.timed_out,
            "errors": self.errors,
            "p50_ms": round(self.p50 * 1e3, 4) if self.ok else None,
            "max_ms": round(self.max * 1e3, 4) if self.ok else None,
        }


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

    def as_json(self) -> dict[str, int]:
        names = ("sent", "completed", "ok", "shed", "timed_out", "errors", "dropped")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Handed to ``on_progress`` when an interval has ended. Seconds; ``counts`` are of the whole run so far."""

    elapsed: float
    duration: float
    counts: Counts
    last: Row
    in_flight: int
    backlog: int  # due requests of an open workload for which no connection is free


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """How the generator itself fared."""

    cpu_share: float  # of one core, by the thread that ran it
    late_p99: float | None  # how late requests were sent though a connection was free; None in a closed workload
    reconnects: int
    abandoned: int  # in flight when a run that was stopped early would wait no longer; not in ``sent``
    bottleneck: str | None

    def as_json(self) -> dict[str, Any]:
        return {
            "cpu_share": round(self.cpu_share, 3),
            "late_p99_ms": None if self.late_p99 is None else round(self.late_p99 * 1e3, 4),
            "bottleneck": self.bottleneck,
            "reconnects": self.reconnects,
            "abandoned": self.abandoned,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """One run. Latencies in seconds, from the intended start; ``service`` from the actual send, of the same replies.

    ``latency`` is that of the ok replies alone: fast refusals would make an overloaded server look quick. Refusals have
    ``shed_latency``, and those who left have no latency but their number. The rates count what ended inside the
    duration; the counts and latencies also hold the requests that were still in flight at its end.
    """

    url: str
    mode: str  # "closed" or "open"
    connections: int
    duration: float  # as it was: shorter than planned when the run was stopped
    counts: Counts
    completed_inside: int
    ok_inside: int
    offered_rate: float | None
    latency: Histogram
    service: Histogram
    shed_latency: Histogram
    status: dict[int, int]
    error_kinds: dict[str, int]
    series: tuple[Row, ...]
    generator: Generator
    samples: tuple[tuple[float, float], ...] | None  # (end, from the start of the run; latency), thinned evenly

    @property
    def throughput(self) -> float:
        """Whole replies of any status per second."""
        return self.completed_inside / self.duration if self.duration else 0.0

    @property
    def goodput(self) -> float:
        """Replies per second that were of use to their client."""
        return self.ok_inside / self.duration if self.duration else 0.0

    def as_json(self) -> dict[str, Any]:
        report: dict[str, Any] = {
            "url": self.url,
            "mode": self.mode,
            "connections": self.connections,
            "duration_s": round(self.duration, 3),
            "requests": self.counts.as_json(),
            "throughput_rps": round(self.throughput, 2),
            "goodput_rps": round(self.goodput, 2),
            "latency_ms": _figures(self.latency),
            "status": {str(code): n for code, n in sorted(self.status.items())},
            "offered_rps": self.offered_rate,
            "service_ms": _figures(self.service),
            "shed_ms": _figures(self.shed_latency),
            "error_kinds": dict(sorted(self.error_kinds.items())),
            "series": [row.as_json() for row in self.series],
            "generator": self.generator.as_json(),
        }
        if self.samples is not None:
            report["samples"] = [[round(at, 6), round(latency * 1e3, 4)] for at, latency in self.samples]
        return report


def _figures(histogram: Histogram) -> dict[str, float | int | None]:
    """None for every figure when there was nothing to measure: a latency of 0 would be the best there is."""
    figures: dict[str, float | int | None] = dict(as_ms(histogram.summary()))
    del figures["count"]  # it is among the requests
    return figures if histogram.count else dict.fromkeys(figures)


def find_bottleneck(
    *, cpu_share: float, late_p99: float | None, latency: Summary, error_kinds: dict[str, int]
) -> str | None:
    """One sentence when the figures may be the generator's own, else None."""
    if OUT_OF_PORTS in error_kinds:
        return "The generator ran out of local ports: it opened connections faster than the kernel frees their ports."
    if cpu_share >= _BUSY:
        return f"The generator used {cpu_share:.0%} of a core: the server may be faster than these figures say."
    if late_p99 is not None and late_p99 > max(_LATE, _LATE_SHARE * latency.p50):
        return (
            f"The generator sent late (p99 {late_p99 * 1e3:.1f} ms) with connections free: this is part of the latency."
        )
    return None
