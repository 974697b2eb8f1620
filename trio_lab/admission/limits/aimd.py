"""Additive increase, multiplicative decrease: the rule of TCP's congestion control (Chiu and Jain, 1989).

The limit grows by one with each success while at least half of it is used, and shrinks by a tenth with each drop or slow
success. Only the timeout counts: the limit grows as long as requests end within it, however slow they become.
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
