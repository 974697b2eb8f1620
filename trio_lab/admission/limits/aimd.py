"""Additive increase, multiplicative decrease: the rule of TCP's congestion control (Chiu and Jain, 1989).

One more for each success while at least half of the limit is used; a tenth less for each drop or slow success. It knows no
cost but the timeout: as long as requests end within it, the limit grows.
"""

from __future__ import annotations

from .limit import Limit, Outcome, Sample

_BACKOFF = 0.9


class Aimd(Limit):
    """``timeout`` is the service time in seconds from which on a success counts as a drop."""

    def __init__(self, initial: int, *, timeout: float = 5.0, lowest: int = 1, highest: int = 1000) -> None:
        super().__init__(initial, lowest=lowest, highest=highest)
        self._timeout = timeout

    def on_sample(self, sample: Sample) -> None:
        if sample.outcome is Outcome.IGNORED:
            return
        if sample.outcome is Outcome.DROPPED or sample.served > self._timeout:
            self._set(self._value * _BACKOFF)
        elif 2 * sample.in_flight >= self._value:
            self._set(self._value + 1)
