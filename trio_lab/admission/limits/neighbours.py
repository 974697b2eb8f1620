"""Our own algorithm: it compares service times and throughput a little below and a little above the limit.

With few requests in flight, one more does not slow down the others. With too many, throughput stays the same, and each
request is slower by as much as there are more of them. The best limit is the knee between the two. Other algorithms need the
service time without load, and guess it from the fastest request or from the past; the guess is wrong as soon as the service
changes. This one does not need it. It sets a lower and a higher limit in turn. If the knee is between them, it is

    higher × (service time at lower ÷ service time at higher)  =  lower × (throughput at higher ÷ throughput at lower).

If both are below the knee, the formula gives the higher one; if both are above it, the lower one. So one formula climbs,
descends and stays. The gate knows service times without the wait in its queue, and every request that ended, so both sides
can be computed, and the one with the smaller standard error is used. Service times enter by the mean of their logarithms,
which one slow request in a hundred hardly changes.

It holds the limit while a comparison would mean nothing: the limit is not reached, or too many requests fail. It does not
raise it while the event loop is the bottleneck, but it may lower it, because too many threads make the loop late too. Between
comparisons it rests, so that they cost about two percent of the throughput; a change of the service time ends the rest.

It does not find a limit where requests only wait: there more in flight always means more throughput, and the limit grows to
``highest``.
"""

from __future__ import annotations

from math import exp, hypot, inf, log

from .limit import Limit, Outcome, Sample
from .stretch import Stretch

_STEPS = (4 / 3, 5 / 3, 2.0)  # from the limit to its neighbours; longer while comparisons point in the same direction
_DECISIVE = 2.0  # a change of so many standard errors needs no more windows
_PRECISE = 0.06  # a smaller standard error needs no more windows either
_WINDOWS = 12  # most windows of one comparison
_NEAR = 0.5  # share of a step; if the knee is further away, the next comparison follows at once, with a longer step
_KEPT = 0.8  # share of the throughput that rounding down has to keep
_CLOSE = 0.1  # relative change; after a larger one the rest is shorter
_COST = 0.02  # share of throughput that comparisons may cost
_SOON = 0.2  # how much shorter
_LONGEST_REST = 120.0  # seconds
_RETRY = 2.0  # seconds of rest after a comparison that had to be given up
_PATIENT = 5  # a new limit must be reached within `_RETRY` and so many service times
_CHANGED = 0.2  # a change of the logarithm of the service time by this and 3 standard errors ends a rest


class Neighbours(Limit):
    """During a comparison ``limit`` is one of the two that are compared; `best` is the one between comparisons."""

    def __init__(self, initial: int, *, lowest: int = 1, highest: int = 1000) -> None:
        super().__init__(initial, lowest=lowest, highest=highest)
        self._window = Stretch(self.best, 0.0)
        self._pair: tuple[Stretch, Stretch] | None = None  # what is compared: the lower and the higher limit
        self._windows = 0  # of this comparison
        self._began = 0.0
        self._direction, self._step = 0, 1
        self._rest_until = 0.0
        self._usual: Stretch | None = None  # the first window of this rest

    @property
    def limit(self) -> int:
        return self._window.limit

    @property
    def best(self) -> int:
        """The best limit as far as is known: the knee as a whole number. Below the knee throughput is lost, above it only time,
        so a knee of 1.4 makes a limit of 2: with 1 three tenths of the throughput would be lost."""
        nearest = round(self._value)
        return nearest if nearest >= _KEPT * self._value else nearest + 1

    def on_sample(self, sample: Sample) -> None:
        if sample.outcome is Outcome.IGNORED:
            return
        now = sample.now
        if now < self._window.began:  # another run, with another clock
            self._rest(now, 0.0)
        window = self._window
        window.add(sample)
        if self._pair is None:
            if window.is_enough:
                self._on_rested(window, now)
        elif window.is_failing or self._is_out_of_reach(window, sample):
            self._rest(now, _RETRY)
        elif window.is_enough:
            self._on_compared(window, now)

    def _is_out_of_reach(self, window: Stretch, sample: Sample) -> bool:
        """Whether too few requests come to reach this limit."""
        return window.settled == inf and sample.now - window.began > _RETRY + _PATIENT * sample.served

    def _on_rested(self, window: Stretch, now: float) -> None:
        usual = self._usual
        if usual is None:
            usual = self._usual = window
        change = abs(window.logs.mean - usual.logs.mean)
        has_changed = change > _CHANGED + 3 * hypot(window.logs.error, usual.logs.error)
        if not window.is_void and (now >= self._rest_until or has_changed):
            self._compare(now)
        else:
            self._open(self.best, now)

    def _rest(self, now: float, seconds: float) -> None:
        self._pair = self._usual = None
        self._direction = self._step = 0
        self._rest_until = now + seconds
        self._open(self.best, now)

    def _open(self, limit: int, now: float) -> None:
        """Begin a window. If the limit stays the same and was reached, it is reached from the beginning."""
        before, self._window = self._window, Stretch(limit, now)
        if limit == before.limit and before.settled <= now:
            self._window.follow(before)

    # A comparison: windows at the lower and the higher limit, in the order low, high, high, low, low …

    def _compare(self, now: float, known: Stretch | None = None) -> None:
        """Begin one. While the limit moves in one direction it is itself one of the two, and its stretch may be ``known``."""
        best, step = self.best, _STEPS[self._step]
        low = best if self._direction > 0 else max(self.lowest, min(best - 1, round(best / step)))
        high = best if self._direction < 0 else min(self.highest, max(best + 1, round(best * step)))
        if low == high:
            self._rest(now, _LONGEST_REST)
            return
        self._pair = Stretch(low, now), Stretch(high, now)
        self._windows = 0
        self._began = now
        for stretch in self._pair:
            if known is not None and stretch.limit == known.limit:
                stretch.merge(known)
                self._windows = 1
        self._open(high if self._pair[0].logs.count else low, now)

    def _on_compared(self, window: Stretch, now: float) -> None:
        assert self._pair is not None
        if window.is_void:
            self._rest(now, _RETRY)
            return
        low, high = self._pair
        (low if window.limit == low.limit else high).merge(window)
        self._windows += 1
        if self._windows % 2:
            self._open(high.limit if window.limit == low.limit else low.limit, now)
            return
        knee, error = _knee(low, high)
        change = log(knee / self._value)
        if change > 0 and (low.is_late or high.is_late):
            self._rest(now, _RETRY)
        elif error > _PRECISE and abs(change) < _DECISIVE * error and self._windows < _WINDOWS:
            self._open(window.limit, now)
        else:
            self._move(low, high, change, error, now)

    def _move(self, low: Stretch, high: Stretch, change: float, error: float, now: float) -> None:
        # A change that is hardly larger than its error counts less. The error is added, because a limit that is a little
        # too high costs less than one that is too low.
        change *= change**2 / (change**2 + error**2) if change else 0.0
        before = self._value
        self._set(min(max(before * exp(change + min(error, _PRECISE)), low.limit), high.limit))
        up, down = log(high.limit / before), log(low.limit / before)
        direction = int(0 < _NEAR * up < change) - int(change < _NEAR * down < 0)
        if direction:
            self._step = min(self._step + 1, len(_STEPS) - 1) if direction == self._direction else 0
            self._direction = direction
            self._compare(now, low if self.best == low.limit else high)
        elif self._direction:  # the limit was one of the two, so a knee on its other side would not have been seen
            self._direction = self._step = 0
            self._compare(now)
        else:
            lost = (now - self._began) / 2 * max(0.0, 1 - low.limit / before)
            moved = abs(change) > _CLOSE and self.best != round(before)
            self._rest(now, min(_LONGEST_REST, lost / _COST) * (_SOON if moved else 1.0))


def _knee(low: Stretch, high: Stretch) -> tuple[float, float]:
    """The number in flight at the knee, and its relative standard error."""
    by_time = hypot(low.logs.error, high.logs.error)
    by_throughput = hypot(low.gaps.error / low.gaps.mean, high.gaps.error / high.gaps.mean)
    if by_time < by_throughput:
        return high.flights.mean * exp(low.logs.mean - high.logs.mean), by_time
    return low.flights.mean * low.gaps.mean / high.gaps.mean, by_throughput
