"""What the generator knows of a run, and whether it was itself the bottleneck."""

from __future__ import annotations

from dataclasses import dataclass

from trio_lab.load.connection import OUT_OF_PORTS
from trio_lab.measure.histogram import Histogram
from trio_lab.records.load import Counts, LoadResult, Row
from trio_lab.records.summary import Summary

_BUSY = 0.9  # share of one core from which on the generator, not the server, may set the pace
_LATE = 1e-3  # seconds: lateness below this is the resolution of a timer, not a bottleneck
_LATE_SHARE = 0.1  # of the median latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Handed to ``on_progress`` when an interval has ended. Seconds; ``counts`` and ``status`` are of the whole run so far,
    ``backlog`` the due requests of an open workload for which no connection is free."""

    elapsed: float
    duration: float
    counts: Counts
    status: dict[str, int]
    last: Row
    backlog: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRun:
    """A run that has ended: the record that travels, and the histograms and counts that it was made from.

    ``inside`` is what had ended when the duration did. ``slices`` are what ``latency`` was made from, in order of time.
    Without ``reached`` no connection was made at all, and the run ended early.
    """

    result: LoadResult
    latency: Histogram
    service: Histogram
    shed: Histogram
    inside: Counts
    slices: tuple[Histogram, ...]
    reached: bool


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
