"""Vegas: keeps a few requests queued at the service, estimated from how much slower than the fastest it is now.

After TCP Vegas (Brakmo and Peterson, 1995), with the thresholds of Netflix's concurrency-limits. The queue is estimated as
limit × (1 − fastest ÷ present service time). "The fastest" is forgotten now and then, because the service may have become
slower for good. One sample with a lucky short service makes it believe that all others queue.
"""

from __future__ import annotations

from math import ceil, inf, log10
from random import Random

from .limit import Limit, Outcome, Sample

_FORGET_AFTER = 30  # × the limit: samples until the fastest service time is measured again


class Vegas(Limit):
    """``seed`` is for the moments at which it forgets, which must not be the same in all processes."""

    def __init__(self, initial: int, *, lowest: int = 1, highest: int = 1000, seed: int = 0) -> None:
        super().__init__(initial, lowest=lowest, highest=highest)
        self._random = Random(seed)
        self._fastest = inf
        self._samples = 0
        self._jitter = self._random.uniform(0.5, 1.0)

    def on_sample(self, sample: Sample) -> None:
        if sample.outcome is Outcome.IGNORED or sample.served <= 0:
            return
        self._samples += 1
        if self._samples >= _FORGET_AFTER * self._value * self._jitter:
            self._samples, self._jitter = 0, self._random.uniform(0.5, 1.0)
            self._fastest = sample.served
        elif sample.outcome is Outcome.SUCCESS and sample.served < self._fastest:
            self._fastest = sample.served
        else:
            self._follow(sample)

    def _follow(self, sample: Sample) -> None:
        limit = self._value
        step = max(1.0, log10(limit))
        queued = ceil(limit * (1 - min(1.0, self._fastest / sample.served)))
        if sample.outcome is Outcome.DROPPED:
            self._set(limit - step)
        elif 2 * sample.in_flight < limit:
            return
        elif queued <= step:
            self._set(limit + 6 * step)
        elif queued < 3 * step:
            self._set(limit + step)
        elif queued > 6 * step:
            self._set(limit - step)
