"""Ours: compares what the service does a little below and a little above the limit.

The idea: with too few requests in flight, one more costs the others nothing; with too many, each is slower by as much as
there are more, and throughput stays the same. The best limit is the knee between the two. The others guess the service time
without load from the fastest or from the past, and are wrong as soon as it changes. Here it need not be known. The limit
is set to a lower and a higher one in turn, and if the lower one is below the knee and the higher one above it, the knee is

    higher × (service time at lower ÷ service time at higher)  =  lower × (throughput at higher ÷ throughput at lower).

If both are below the knee this gives the higher one, if both are above it the lower one; so the same formula climbs,
descends and stays. The gate knows service times without the wait in its queue, and throughput exactly, so both sides can be
computed. Service times enter by the mean of their logarithms, which one slow request in a hundred hardly moves; throughput
is right where a slow request makes others wait. The one with the smaller standard error is taken.

It holds while there is nothing to learn (the limit is not reached, too many requests fail, the loop is late), and rests
between comparisons so that they cost about two percent of the throughput, unless the service time changes.

It cannot tell a service that became faster from one with a lower load, and does not look for the limit of a service that
waits only: there more in flight is always more throughput, and the limit grows to ``highest``.
"""

from __future__ import annotations

from math import exp, hypot, inf, log

from .limit import Limit, Outcome, Sample
from .stretch import Stretch

_STEPS = (4 / 3, 5 / 3, 2.0)  # how far apart neighbours are: further while each comparison points the same way
_DECISIVE = 2.0  # standard errors from which a difference needs no more windows
_PRECISE = 0.06  # standard error that is small enough
_WINDOWS = 12  # of a comparison at most
_NEAR = 0.5  # of a step: a knee further away is looked for at once, with a longer step
_CLOSE = 0.1  # relative change after which it rests
_COST = 0.02  # share of throughput that comparisons may cost
_SOON = 0.2  # of that rest, after a change that was more than `_CLOSE`
_LONGEST_REST = 120.0  # seconds
_RETRY = 2.0  # seconds after a comparison that came to nothing
_PATIENT = 5  # service times that the number in flight may take to reach a new limit, and `_RETRY`
_CHANGED = 0.2  # change of the service time's logarithm that ends a rest, and 3 standard errors


class Neighbours(Limit):
    """``lowest`` ≤ limit ≤ ``highest``. The limit that is in force changes for comparisons; `best` is the one it rests at."""

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
        """The best limit as far as is known."""
        return round(self._value)

    def on_sample(self, sample: Sample) -> None:
        if sample.outcome is Outcome.IGNORED:
            return
        window, now = self._window, sample.now
        window.add(sample)
        if self._pair is None:
            if window.is_enough:
                self._on_rested(window, now)
        elif window.is_failing or self._is_out_of_reach(window, sample):
            self._rest(now, _RETRY)
        elif window.is_enough:
            self._on_compared(window, now)

    def _is_out_of_reach(self, window: Stretch, sample: Sample) -> bool:
        """Whether there are too few requests to reach this limit."""
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
        """Begin a window. Where the limit stays the same, it is reached already if it was before."""
        before, self._window = self._window, Stretch(limit, now)
        if limit == before.limit and before.settled != inf:
            self._window.follow(before)

    # A comparison: windows at the lower and the higher limit, in the order low, high, high, low, low …

    def _compare(self, now: float, known: Stretch | None = None) -> None:
        """Begin one. While it moves in one direction, the limit itself is one of the two, and may be ``known``."""
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
        if error > _PRECISE and abs(change) < _DECISIVE * error and self._windows < _WINDOWS:
            self._open(window.limit, now)
        else:
            self._move(low, high, change, error, now)

    def _move(self, low: Stretch, high: Stretch, change: float, error: float, now: float) -> None:
        # A change that is hardly more than its error counts less. A limit a little too high costs less than one too low.
        change *= change**2 / (change**2 + error**2) if change else 0.0
        before = self._value
        self._set(min(max(before * exp(change + min(error, _PRECISE)), low.limit), high.limit))
        up, down = log(high.limit / before), log(low.limit / before)
        direction = int(0 < _NEAR * up < change) - int(change < _NEAR * down < 0)
        if direction:
            self._step = min(self._step + 1, len(_STEPS) - 1) if direction == self._direction else 0
            self._direction = direction
            self._compare(now, low if self.best == low.limit else high)
        elif self._direction:  # the limit itself was one of the two, so a knee on its other side was not seen
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
