"""What was seen while one limit was in force: service times, throughput, and whether they can be compared.

After a change it takes a while until as many requests are in flight as the limit says. Requests that began before that
were served together with more or with fewer, so their service times do not count.

Requests that are in service together are slow together, so they are not independent, and a standard error computed from them
one by one would be far too small. It is computed from the means of batches, each as long as a service time (method of batch
means).
"""

from __future__ import annotations

from math import inf, log, sqrt

from .limit import Outcome, Sample

_BATCH = 5  # requests in a batch, or as many as the limit
_BATCHES = 4  # needed for a comparison
_SECONDS = 0.5  # needed for a comparison, so that a pause of the garbage collector does not decide
_SEEN = 40  # requests needed to judge a share of them
_DROPPED = 0.1  # share of requests that may fail; the service time of a timeout is that of the timeout
_FULL = 0.5  # share of requests that must end while the limit is reached
_LATE = 0.5  # share of the service times; if more is loop delay, the loop is the bottleneck
_SHORTEST = 1e-9  # seconds; a clock may stand still


class _Batches:
    """The mean of batches of values, and its standard error."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left, self._sum = size, 0.0
        self.count = 0
        self._total = self._squares = 0.0

    def add(self, value: float) -> None:
        self._sum += value
        self._left -= 1
        if not self._left:
            mean = self._sum / self._size
            self.count += 1
            self._total += mean
            self._squares += mean * mean
            self._left, self._sum = self._size, 0.0

    def merge(self, other: _Batches) -> None:
        self.count += other.count
        self._total += other._total
        self._squares += other._squares

    @property
    def mean(self) -> float:
        return self._total / self.count

    @property
    def error(self) -> float:
        return sqrt(max(0.0, self._squares / self.count - self.mean**2) / (self.count - 1))


class Stretch:
    """The requests that ended under ``limit`` from ``began`` on."""

    def __init__(self, limit: int, began: float) -> None:
        self.limit, self.began = limit, began
        self.settled = inf
        """When the number in flight reached the limit; infinite before."""
        self.seen = self._dropped = self._full = 0
        self._late = self._served = 0.0
        self._last = inf
        size = max(_BATCH, limit)
        self.logs = _Batches(size)
        """The logarithms of service times."""
        self.gaps = _Batches(size)
        """Seconds between two requests that end one after the other."""
        self.flights = _Batches(size)
        """The numbers in flight when they end."""

    def add(self, sample: Sample) -> None:
        self.seen += 1
        self._dropped += sample.outcome is Outcome.DROPPED
        self._full += sample.in_flight >= self.limit
        if self.settled == inf:
            if sample.in_flight == self.limit:
                self.settled = self._last = sample.now
            return
        self.gaps.add(max(sample.now - self._last, _SHORTEST))
        self.flights.add(sample.in_flight)
        self._last = sample.now
        if sample.outcome is Outcome.SUCCESS and sample.now - sample.served >= self.settled:
            self.logs.add(log(max(sample.served, _SHORTEST)))
            self._served += sample.served
            self._late += sample.loop_delay

    def merge(self, other: Stretch) -> None:
        """Add a later stretch with the same limit."""
        self.logs.merge(other.logs)
        self.gaps.merge(other.gaps)
        self.flights.merge(other.flights)
        self._late += other._late
        self._served += other._served

    def follow(self, before: Stretch) -> None:
        """It follows a stretch with the same limit, which was reached in that one."""
        self.settled = before._last
        self._last = before._last

    @property
    def is_enough(self) -> bool:
        return self.logs.count >= _BATCHES and self._last - self.settled >= _SECONDS

    @property
    def is_void(self) -> bool:
        """Whether it must not be compared: too many failed, or there was too little to do."""
        return self.is_failing or self._full < _FULL * self.seen

    @property
    def is_late(self) -> bool:
        """Whether the loop was the bottleneck."""
        return self._late > _LATE * self._served

    @property
    def is_failing(self) -> bool:
        return self.seen >= _SEEN and self._dropped > _DROPPED * self.seen
