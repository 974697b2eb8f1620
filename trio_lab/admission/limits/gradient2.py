"""Gradient2: compares the present service time with its own long-term mean, and shrinks when it is longer.

After Netflix's concurrency-limits. The long-term mean needs no forgetting, but it follows the overload: when requests are
slow for long enough, slow is normal, and the limit grows by its ``queue`` at every sample.
"""

from __future__ import annotations

from .limit import Limit, Outcome, Sample

_TOLERANCE = 1.5  # how much longer than the mean is not yet too long
_LONG = 600  # samples that the long-term mean goes back
_WARM_UP = 10  # samples of which it is the plain mean
_SMOOTHING = 0.2


class Gradient2(Limit):
    """``queue`` is how many requests may be queued at the service."""

    def __init__(self, initial: int, *, queue: int = 4, lowest: int = 1, highest: int = 1000) -> None:
        super().__init__(initial, lowest=lowest, highest=highest)
        self._queue = queue
        self._mean = 0.0
        self._samples = 0

    def on_sample(self, sample: Sample) -> None:
        if sample.outcome is Outcome.IGNORED or sample.served <= 0:
            return
        self._samples += 1
        weight = 1 / self._samples if self._samples <= _WARM_UP else 2 / (_LONG + 1)
        self._mean += weight * (sample.served - self._mean)
        if self._mean > 2 * sample.served:  # come down faster after a slow time
            self._mean *= 0.95
        if 2 * sample.in_flight < self._value:
            return
        gradient = min(1.0, max(0.5, _TOLERANCE * self._mean / sample.served))
        self._set((1 - _SMOOTHING) * self._value + _SMOOTHING * (gradient * self._value + self._queue))
