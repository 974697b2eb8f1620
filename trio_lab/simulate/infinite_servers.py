"""A mean wait with a control: the same requests also go to an infinite-server queue (M/G/∞), of which more is known.

Most of the spread of a simulated mean wait is luck with the requests: more of them came, in thicker clumps, or with longer
work than expected. How lucky they were shows in a queue to which the very same requests go and in which none waits, because
there are infinitely many servers. The number in service there when a request comes has a Poisson distribution, whatever the
service times. So it is known how many of them are beyond the number of real servers on average. A replication that has more
than that has had bad luck, and its wait is corrected in the proportion that all replications show. This is an external control
variate (Law and Kelton, Simulation Modeling and Analysis); the interval is that of Lavenberg and Welch (1981).

For M/M/k at a load of 0.8 that explains 0.35 of the variance of the wait with one server, 0.77 with 16, 0.89 with 64: an
interval that is a third as wide, for which nine times as many requests would be needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from math import sqrt
from statistics import fmean, linear_regression

from ..diagnose.mean_interval import LEAST, mean_interval, student
from .events import Events


class InfiniteServers:
    """Counts how many requests are beyond the first ``servers`` at any that comes."""

    def __init__(self, servers: int) -> None:
        self._servers = servers
        self._ends: list[float] = []
        self.reset()

    def reset(self) -> None:
        """Count from here on."""
        self._came = self._beyond = 0

    @property
    def beyond(self) -> float:
        """The mean of those that were counted."""
        return self._beyond / self._came if self._came else 0.0

    def seeing(self, work: Callable[[], float], events: Events) -> Callable[[], float]:
        """The ``work`` of a crowd, which it draws at the moment at which a request comes."""

        def draw() -> float:
            seconds, ends, now = work(), self._ends, events.now
            while ends and ends[0] <= now:
                heappop(ends)
            self._came += 1
            self._beyond += max(0, len(ends) - self._servers)
            heappush(ends, now + seconds)
            return seconds

        return draw


def controlled(values: Sequence[float], controls: Sequence[float], expected: float) -> tuple[float, float, float]:
    """The mean of ``values`` of replications as it would be with ``controls`` as ``expected``, and its 99 % interval.

    Where the controls do not vary, or too few replications would have to tell the proportion, it is the plain mean.
    """
    mean, freedom = fmean(values), len(values) - 2
    if freedom < LEAST or min(controls) == max(controls):
        interval = mean_interval(values, level=0.99)
        assert interval is not None
        return mean, *interval
    slope, intercept = linear_regression(controls, values)
    errors = (value - intercept - slope * control for value, control in zip(values, controls, strict=True))
    at = fmean(controls)
    spread = sum((control - at) ** 2 for control in controls)
    variance = sum(error**2 for error in errors) / freedom * (1 / len(values) + (expected - at) ** 2 / spread)
    middle, half = intercept + slope * expected, student(freedom, level=0.99) * sqrt(variance)
    return middle, middle - half, middle + half
