"""A histogram of durations: log-linear buckets, sparse, cheap to record into.

The bucket layout is HdrHistogram's idea (Gil Tene): every octave is cut into the same number of equal parts, so the
relative error is the same everywhere. Here the float format does the cutting: the upper 16 bits of a 32-bit float are its
sign, its exponent and 7 bits of its mantissa, which makes 128 parts an octave. A quantile is off by at most 0.4 % (half a
bucket) over the whole range of the format, so no duration is out of range.

Recording appends to a list; every few thousand values are put into buckets together, in C (`array`, `Counter`). That takes
0.1 µs a value; computing the bucket in Python took 0.5. What records in each pass of a loop appends to the list itself, which
saves the call, and half of that. Several readers can share a histogram, because none resets it:
each follows it with a histogram of its own, which it may clear. Counts are kept in a dict, because a healthy loop fills
some tens of buckets, and windows are read often.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate, pairwise
from weakref import ref

from ..records.summary import BOUNDS, Buckets, Summary
from .percentile import rank

PARTS_OF_OCTAVE = 128
_LOOKS = 1000  # a second, of `Histogram.delays`
LOT = 4096  # values that are put into buckets together
_NEGATIVE = 1 << 15  # the sign, among the upper 16 bits
_UPPER = 1 if sys.byteorder == "little" else 0  # index of the upper half of a 32-bit float


def _buckets(values: list[float]) -> list[int]:
    return memoryview(array("f", values)).cast("B").cast("H")[_UPPER::2].tolist()


@lru_cache(4096)  # more buckets than any histogram has
def _middle(bucket: int) -> float:
    """The middle of a bucket, in seconds."""
    if bucket == 0:
        return 0.0
    return (_low(bucket) + _low(bucket + 1)) / 2


@lru_cache(4096)
def _low(bucket: int) -> float:
    """The lower end of a bucket, in seconds."""
    return float(struct.unpack("=f", struct.pack("=I", bucket << 16))[0])


_BOUNDS = _buckets(list(BOUNDS))


class Histogram:
    """Durations in seconds. Negative ones (from the clocks of two processes) count as zero."""

    __slots__ = (
        "__weakref__",
        "_count",
        "_counts",
        "_followed",
        "_followers",
        "_max",
        "_ordered",
        "_summary",
        "_total",
        "pending",
    )

    def __init__(self) -> None:
        self.pending: list[float] = []
        """Whoever appends a duration to it has recorded it, and must call `settle` some time after there are `LOT` of them. It
        is always the same list."""
        self._followed: Histogram | None = None
        self._followers: tuple[ref[Histogram], ...] = ()
        self._empty()

    def _empty(self) -> None:
        self._counts: Counter[int] = Counter()
        self._ordered: list[int] = []  # the keys of _counts in order, as of the last `_order`
        self._count = 0  # of the values in buckets
        self._total = 0.0
        self._max = 0.0
        self._summary: Summary | None = None

    def record(self, seconds: float) -> None:
        """Count one duration."""
        pending = self.pending
        pending.append(seconds)
        if len(pending) >= LOT:
            self.settle()

    def settle(self) -> None:
        """Put the pending values into their buckets. Every read does this first."""
        if self._followed is not None:
            self._followed.settle()
        if not self.pending:
            return
        # At once, for a read in another thread: the interpreter does not switch threads before the call has returned.
        pending = [*self.pending]
        self.pending.clear()
        counts = Counter(_buckets(pending))
        if max(counts) >= _NEGATIVE:
            pending = [max(0.0, seconds) for seconds in pending]
            counts = Counter(_buckets(pending))
        self._add(counts, len(pending), sum(pending), max(pending))

    def _add(self, counts: Counter[int], count: int, total: float, longest: float) -> None:
        self._counts.update(counts)
        self._count += count
        self._total += total
        self._max = max(self._max, longest)
        for found in self._followers:
            if (follower := found()) is not None:
                follower._add(counts, count, total, longest)

    def follow(self) -> Histogram:
        """A window: a histogram that gets the values that this one gets from now on, as long as it is referenced."""
        self.settle()
        follower = Histogram()
        follower._followed = self
        # A new tuple, because a change of a set in the midst of `_add` would end the loop's monitor.
        self._followers = (*(found for found in self._followers if found() is not None), ref(follower))
        return follower

    def clear(self) -> None:
        """Forget all values. Clearing a window leaves the histogram that it follows unchanged."""
        self.settle()
        self._empty()

    @property
    def count(self) -> int:
        if self._followed is not None:
            self.settle()
        return self._count + len(self.pending)

    @property
    def total(self) -> float:
        """The sum of all durations."""
        self.settle()
        return self._total

    @property
    def max(self) -> float:
        self.settle()
        return self._max

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    def merge(self, other: Histogram) -> None:
        """Add all of ``other`` to this one."""
        self.settle()
        other.settle()
        self._counts.update(other._counts)
        self._count += other._count
        self._total += other._total
        self._max = max(self._max, other._max)

    def copy(self) -> Histogram:
        """A snapshot that later records do not change."""
        self.settle()
        self._order()
        twin = Histogram()
        twin._counts, twin._ordered = self._counts.copy(), self._ordered
        twin._count, twin._total, twin._max = self._count, self._total, self._max
        return twin

    def quantile(self, q: float) -> float:
        """The smallest duration that a share ``q`` (0…1) of the values does not exceed; 0.0 for an empty histogram."""
        return self._quantiles((q,))[0]

    def _quantiles(self, shares: Iterable[float]) -> list[float]:
        """Several quantiles, for the price of one pass over the buckets."""
        self.settle()
        if not self._count:
            return [0.0 for _ in shares]
        self._order()
        buckets, up_to = self._ordered, [*accumulate(self._counts.values())]
        ranks = [rank(self._count, share) for share in shares]
        return [min(_middle(buckets[bisect_left(up_to, n)]), self._max) for n in ranks]

    def values(self) -> list[float]:
        """The middle of every bucket that has values, in order; of the highest, what is not above the maximum."""
        self.settle()
        self._order()
        return [min(_middle(bucket), self._max) for bucket in self._ordered]

    def above(self, seconds: float) -> int:
        """How many values lie in higher buckets than this duration."""
        self.settle()
        bucket = _buckets([seconds])[0]
        return sum(count for other, count in self._counts.items() if other > bucket)

    def delay(self, share: float, whole: float) -> float:
        """How long the rest of a duration is at most, at a share of all moments of the ``whole`` time that they are part of.

        With passes of a loop these are the delays of what becomes due at any moment: a long pass delays as much of it as
        falls into that pass. The time spent further than x into durations has the length of all that exceeds x.
        """
        self.settle()
        if self._total <= (allowed := (1 - share) * whole):
            return 0.0
        self._order()
        number, total = 0, 0.0
        for bucket in reversed(self._ordered):
            found = (total - allowed) / number if number else 0.0
            if found > (middle := _middle(bucket)):
                return found
            number += self._counts[bucket]
            total += self._counts[bucket] * middle
        return max(0.0, (total - allowed) / number) if number else 0.0

    def cumulative(self) -> list[tuple[float, int]]:
        """The `values`, each with the number of durations that do not exceed it."""
        return [*zip(self.values(), accumulate(self._counts.values()), strict=True)]

    def _order(self) -> None:
        """Sort the buckets if there are new ones. Buckets are only ever added, or all cleared."""
        if len(self._ordered) != len(self._counts):
            self._counts = Counter(dict(sorted(self._counts.items())))
            self._ordered = [*self._counts]

    def buckets(self) -> Buckets:
        """All values, by the `BOUNDS` of the record."""
        self.settle()
        self._order()
        up_to = [0, *accumulate(self._counts.values())]
        ends = [0, *(up_to[bisect_right(self._ordered, bound)] for bound in _BOUNDS), up_to[-1]]
        return Buckets(counts=tuple(end - begin for begin, end in pairwise(ends)), total=self._total)

    def delays(self, waited: float) -> Buckets:
        """With passes of a loop, which ``waited`` so many seconds besides: how late it came to what became due, if something
        had become due each millisecond. At a moment within a pass that is the rest of the pass, else 0.

        No bucket ever shrinks: a pass counts with the lower end of its own bucket, which is not more than it lasted.
        """
        self.settle()
        self._order()
        whole, over, number = self._total + waited, 0.0, 0
        lows = [(_low(bucket), self._counts[bucket]) for bucket in self._ordered]
        in_time = [whole]  # seconds in which the delay did not exceed the bound, from the highest bound down
        for bound in reversed(BOUNDS):
            while lows and lows[-1][0] > bound:
                low, count = lows.pop()
                over, number = over + low * count, number + count
            in_time.append(whole - (over - number * bound))
        looks = [0, *(int(seconds * _LOOKS) for seconds in reversed(in_time))]
        squares = sum(_middle(bucket) ** 2 * count for bucket, count in self._counts.items())
        return Buckets(counts=tuple(end - begin for begin, end in pairwise(looks)), total=squares / 2 * _LOOKS)

    def summary(self) -> Summary:
        """The usual quantiles; computed again only if values were recorded since the last call."""
        count = self.count
        if self._summary is None or self._summary.count != count:
            p50, p90, p99, p99_9 = self._quantiles((0.5, 0.9, 0.99, 0.999))
            self._summary = Summary(
                count=count,
                mean=self.mean,
                p50=p50,
                p90=p90,
                p99=p99,
                p99_9=p99_9,
                max=self._max,
                histogram=ref(self),
            )
        return self._summary

    def __repr__(self) -> str:
        s = self.summary()
        return f"<Histogram {s.count} values, p50 {s.p50 * 1e3:.3g} ms, p99 {s.p99 * 1e3:.3g} ms, max {s.max * 1e3:.3g} ms>"
