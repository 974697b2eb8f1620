"""Where an axis begins and ends, and where its ticks are.

The drawing library could choose both, but then positions would be unknown before drawing, and the labels of two limits
close to each other would overlap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MANY_DECADES = 3.5  # above it a log axis has ticks at powers of ten only


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A numeric axis: its ends and ticks, in units of the data."""

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]

    def fraction(self, value: float) -> float:
        """Where ``value`` lies between the ends: 0 at the low one, 1 at the high one, nothing beyond."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low)


def linear(values: Iterable[float], *, zero: bool, nice: bool) -> Scale:
    """A linear axis. ``zero`` includes zero, so that heights can be compared; ``nice`` ends on ticks. Whole numbers, which
    may well be counts, have whole ticks."""
    known = [*values, *([0.0] if zero else [])] or [0.0]
    low, high = min(known), max(known)
    if zero and low == high:
        high = 1.0
    elif low == high:
        low, high = low - 0.5, high + 0.5
    step = _step((high - low) / 6, whole=all(float(value).is_integer() for value in known))
    first, last = math.floor(low / step), math.ceil(high / step)
    if nice:
        low, high = first * step, last * step
    ticks = (round(n * step, 12) for n in range(first, last + 1))
    return Scale(low=low, high=high, log=False, ticks=tuple(t for t in ticks if low <= t <= high))


def logarithmic(values: Iterable[float], *, nice: bool, named: Iterable[float] | None = None) -> Scale:
    """A logarithmic axis over the positive values; the others cannot be drawn on it. Unless it is to be ``nice``, and if they
    are few, the values are its ticks: of them those that are ``named``."""
    known = sorted({value for value in values if value > 0}) or [1.0]
    few = sorted({value for value in named or () if value > 0}) or known
    low, high = known[0], known[-1]
    if nice:
        factors = _factors(low, high)
        low, high = _round(low, factors, up=False), _round(high, factors, up=True)
    if low == high:
        low, high = low / 2, high * 2
    if len(few) <= 8 and not nice:
        return Scale(low=low, high=high, log=True, ticks=tuple(few))
    return Scale(low=low, high=high, log=True, ticks=_log_ticks(low, high))


def _step(rough: float, *, whole: bool) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in _STEPS if step * power >= rough * 0.999)
    return float(math.ceil(step)) if whole else step


def _factors(low: float, high: float) -> Sequence[int]:
    """The multiples of each power of ten that have ticks between these ends."""
    return (1, 2, 5) if math.log10(high / low) <= _MANY_DECADES else (1,)


def _round(value: float, factors: Sequence[int], *, up: bool) -> float:
    """The nearest tick on one side."""
    power = 10.0 ** math.floor(math.log10(value))
    marks = [power * factor for factor in (*factors, 10)]
    if up:
        return next(mark for mark in marks if mark >= value * 0.999)
    return next(mark for mark in reversed(marks) if mark <= value * 1.001)


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    stride = max(1, math.ceil(math.log10(high / low) / 9))
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1, stride)
    ticks = (factor * 10.0**power for power in powers for factor in _factors(low, high))
    return tuple(tick for tick in ticks if low * 0.999 <= tick <= high * 1.001)
