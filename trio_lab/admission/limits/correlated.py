"""The adaptive limiter of failsafe-go: Vegas on smoothed percentiles, held back by correlations.

Each window of a second gives the p90 of the service time; its median of five is smoothed, and compared with a slow moving
mean as Vegas does. In addition the limit shrinks when throughput stops growing with the number in flight, or the service time
grows with it. The baseline follows a long overload, and correlations see nothing where nothing varies.
"""

from __future__ import annotations

from collections import deque
from math import ceil, log10
from statistics import fmean, median, pstdev

from ...measure.percentile import percentile
from .limit import Limit, Outcome, Sample

_WINDOW = 1.0  # seconds at least
_SAMPLES = 50  # in a window at least
_SMOOTHED = 5  # windows
_BASELINE = 60  # windows that the baseline goes back
_WARM_UP = 10  # windows of which a moving mean is the plain mean
_REMEMBERED = 50  # windows that correlations are computed from
_AHEAD = 5  # × the number in flight: the limit may not be higher


class _Moving:
    """A moving mean: plain at first, then exponential."""

    def __init__(self, age: int) -> None:
        self._weight = 2 / (age + 1)
        self._count, self.value = 0, 0.0

    def add(self, value: float) -> float:
        self._count += 1
        self.value += (1 / self._count if self._count <= _WARM_UP else self._weight) * (value - self.value)
        return self.value


class Correlated(Limit):
    """As failsafe-go's `AdaptiveLimiter` with its defaults; the number of callers that wait is the gate's matter."""

    def __init__(self, initial: int, *, lowest: int = 1, highest: int = 200) -> None:
        super().__init__(initial, lowest=lowest, highest=highest)
        self._times: list[float] = []
        self._most = 0  # in flight, of this window
        self._next = 0.0
        self._recent: deque[float] = deque(maxlen=_SMOOTHED)
        self._smoothed, self._baseline = _Moving(_SMOOTHED), _Moving(_BASELINE)
        self._history: deque[tuple[int, float, float]] = deque(maxlen=_REMEMBERED)  # in flight, throughput, time

    def on_sample(self, sample: Sample) -> None:
        if sample.outcome is Outcome.SUCCESS:
            self._times.append(sample.served)
            self._most = max(self._most, sample.in_flight)
        if sample.now < self._next - _WINDOW:  # another run, with another clock
            self._next = sample.now
        if sample.now > self._next and len(self._times) >= _SAMPLES:
            self._recent.append(percentile(self._times, 0.9))
            self._update(max(1e-9, self._smoothed.add(median(self._recent))), sample.in_flight >= self.limit)
            self._next = sample.now + _WINDOW
            self._times, self._most = [], 0

    def _update(self, recent: float, full: bool) -> None:
        limit = self._value
        queued = ceil(limit * (1 - self._baseline.add(recent) / recent))
        self._history.append((self._most, self._most / recent, recent))
        step = max(1, int(log10(limit)))
        if queued > 6 * step or (full and self._is_overloaded()):
            limit -= step
        elif queued < 3 * step:
            limit += step
        self._set(limit if limit <= _AHEAD * self._most else self._value - step)

    def _is_overloaded(self) -> bool:
        if len(self._history) < _WARM_UP:
            return False
        flights, throughputs, times = zip(*self._history, strict=True)
        gain, cost = _correlation(flights, throughputs), _correlation(flights, times)
        steady = pstdev(throughputs) / fmean(throughputs) < 0.2
        return gain < 0 or (gain < 0.3 and cost > 0.5) or (steady and cost > 0.5)


def _correlation(xs: tuple[float, ...], ys: tuple[float, ...]) -> float:
    """Pearson's; 0 where one of them varies by less than 1 %."""
    x, y = fmean(xs), fmean(ys)
    sx, sy = pstdev(xs, x), pstdev(ys, y)
    if sx < 0.01 * x or sy < 0.01 * y:
        return 0.0
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / (len(xs) * sx * sy)
