"""A limit that is lowered while the event loop is late.

A loop that comes late to everything has too much to do at once. Fewer requests in service mean shorter passes; the others
wait at the gate, where classes, tenants and deadlines decide about them. Where the delay has another cause, a lower limit does
not help, so it never falls below a tenth of what was in service.
"""

from __future__ import annotations

from .limit import Limit, Sample

_DOWN = 0.5  # at most by half at a time: one delay may be a garbage collection
_UP = 1.1  # each time that the loop is in time
_IN_TIME = 0.8  # share of the bound: between this and the bound nothing changes
_FLOOR = 0.1


class LateLoop(Limit):
    """``within``, a limit of any kind or a fixed one, as long as the loop's delay is below ``bound`` seconds."""

    def __init__(self, within: Limit | int, bound: float) -> None:
        highest = within if isinstance(within, int) else within.highest
        super().__init__(highest, highest=highest)
        self._within = None if isinstance(within, int) else within
        self._bound = bound
        self._peak = 0  # in service, since the last look
        self._floor = 1.0

    @property
    def limit(self) -> int:
        allowed = int(self._value)
        return allowed if self._within is None else min(allowed, self._within.limit)

    def on_sample(self, sample: Sample) -> None:
        self._peak = max(self._peak, sample.in_flight)
        if self._within is not None:
            self._within.on_sample(sample)

    def on_delay(self, delay: float) -> None:
        """How late the loop was since the last call, in seconds."""
        if delay > self._bound:
            if self._value == self.highest:
                self._floor = max(1.0, _FLOOR * self._peak)
            reached = min(self._value, float(self._peak or self._value))
            self._set(max(self._floor, reached * max(_DOWN, self._bound / delay)))
        elif delay < _IN_TIME * self._bound:
            self._set(max(self._value + 1, self._value * _UP))
        self._peak = 0
