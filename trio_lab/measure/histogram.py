"""A histogram of durations: log-linear buckets, sparse, cheap to record into.

The bucket layout is HdrHistogram's (Gil Tene): every octave is cut into the same number of equal parts, so the error is
relative and the same everywhere. With 128 parts an octave a quantile is off by at most 0.4 % (half a bucket), from
128 ns (below it the buckets are single nanoseconds) to a day. Nothing is ever out of range, so nothing is dropped.

Two choices of our own. Counts are kept in a dict, because a loop that is healthy touches some tens of buckets and windows
are read often: copying, subtracting and scanning cost what was touched, not what could be. And readers never reset a
histogram: each takes the difference to a snapshot of its own, so two readers do not rob each other.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_PART_BITS = 7  # 2**7 parts an octave: 20.0 ms is told from 20.2 ms, and a summary walks few buckets


def _bucket(nanoseconds: int) -> int:
    shift = nanoseconds.bit_length() - (_PART_BITS + 1)
    if shift <= 0:
        return nanoseconds
    return (shift << _PART_BITS) + (nanoseconds >> shift)


def _middle(bucket: int) -> float:
    """The middle of a bucket, in nanoseconds."""
    shift = (bucket >> _PART_BITS) - 1
    if shift <= 0:
        return float(bucket)
    return float(((bucket - (shift << _PART_BITS)) << shift) + (1 << (shift - 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a histogram says, in seconds. All zero when ``count`` is 0."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p99_9: float
    max: float

    def as_ms(self) -> dict[str, float | int]:
        """The same in milliseconds under JSON names, with the count."""
        figures = {name: round(getattr(self, name) * 1e3, 4) for name in ("mean", "p50", "p90", "p99", "p99_9", "max")}
        return {"count": self.count, **figures}


class Histogram:
    """Durations in seconds. Negative ones (a clock that was set between two processes) count as zero."""

    __slots__ = ("_counts", "_summary", "count", "max", "total")

    def __init__(self) -> None:
        self._counts: defaultdict[int, int] = defaultdict(int)
        self._summary: Summary | None = None
        self.count = 0
        self.total = 0.0
        self.max = 0.0

    def record(self, seconds: float) -> None:
        """Count one duration. About 0.4 µs: the bucket is computed in place, a call would cost a third more."""
        if seconds < 0.0:
            seconds = 0.0
        nanoseconds = int(seconds * 1e9)
        shift = nanoseconds.bit_length() - (_PART_BITS + 1)
        self._counts[nanoseconds if shift <= 0 else (shift << _PART_BITS) + (nanoseconds >> shift)] += 1
        self.count += 1
        self.total += seconds
        if seconds > self.max:
            self.max = seconds

    def merge(self, other: Histogram) -> None:
        """Add all of ``other`` to this one."""
        for bucket, n in other._counts.items():
            self._counts[bucket] += n
        self.count += other.count
        self.total += other.total
        self.max = max(self.max, other.max)

    def copy(self) -> Histogram:
        """A snapshot that later records do not change."""
        twin = Histogram()
        twin._counts = self._counts.copy()
        twin.count, twin.total, twin.max = self.count, self.total, self.max
        return twin

    def since(self, earlier: Histogram) -> Histogram:
        """What was recorded after ``earlier``, a copy taken of this histogram.

        The maximum of the difference is exact when it is the maximum of all, else the middle of its bucket.
        """
        window = Histogram()
        for bucket, n in self._counts.items():
            fresh = n - earlier._counts.get(bucket, 0)
            if fresh:
                window._counts[bucket] = fresh
        window.count = self.count - earlier.count
        window.total = max(0.0, self.total - earlier.total)
        if window._counts:
            top = max(window._counts)
            window.max = self.max if top == _bucket(int(self.max * 1e9)) else _middle(top) / 1e9
        return window

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    def quantile(self, q: float) -> float:
        """The smallest recorded duration that a share ``q`` (0…1) does not exceed; 0.0 when nothing was recorded."""
        return self._quantiles((q,))[0]

    def _quantiles(self, shares: Iterable[float]) -> list[float]:
        """Several quantiles in one walk; ``shares`` ascend."""
        found: list[float] = []
        buckets = iter(sorted(self._counts.items()))
        seen, bucket = 0, 0
        for share in shares:
            rank = max(1, math.ceil(share * self.count - 1e-9))
            while seen < rank and self.count:
                bucket, n = next(buckets)
                seen += n
            found.append(min(_middle(bucket) / 1e9, self.max))
        return found

    def summary(self) -> Summary:
        """The usual quantiles; computed again only when something was recorded since."""
        if self._summary is None or self._summary.count != self.count:
            self._summary = self._summarize()
        return self._summary

    def _summarize(self) -> Summary:
        p50, p90, p99, p99_9 = self._quantiles((0.5, 0.9, 0.99, 0.999))
        return Summary(count=self.count, mean=self.mean, p50=p50, p90=p90, p99=p99, p99_9=p99_9, max=self.max)

    def __repr__(self) -> str:
        s = self.summary()
        return f"<Histogram {s.count} values, p50 {s.p50 * 1e3:.3g} ms, p99 {s.p99 * 1e3:.3g} ms, max {s.max * 1e3:.3g} ms>"
