"""Evidence of how long callers wait before they leave, and the greatest age at which one can still be served.

Every caller that ends is counted by its age: as one that *left*, or as one that *stayed* until it was served or refused,
whose patience was therefore longer than that. From both follows, for each age, the hazard: the share of those who reach
this age that leave at it (the life-table estimate, which needs no assumption on how patience is distributed).

Ages are counted in bins that grow with the age, so that 0.3 s and 30 s are resolved equally well. Old evidence is
forgotten by halves. Pure: time is an argument.
"""

from __future__ import annotations

from math import exp, inf, log, log1p

_FIRST = 0.005  # seconds: the end of the first bin
_GROWTH = 1.05  # each bin's end ÷ its begin; with 1.08 a patience of 0.3 s was found too coarsely
_LAST = 60.0  # seconds: who waits longer is counted in the last bin
_HALF_LIFE = 4.0  # seconds after which evidence counts half
_ENOUGH = 50  # endings that must have come in that time; with fewer, evidence is kept for up to `_LONGEST`
_LONGEST = 30.0
# Callers that are assumed to have stayed through every age. So it takes a few that leave at about the same age until
# others are refused for it: one that closes its connection says little about the next.
_ASSUMED = 50.0
_HIGH = 0.03, 1.5  # the chance to leave is high above 0.03 + 1.5 × that of callers that have just come

_EDGES = [0.0, _FIRST]
while _EDGES[-1] < _LAST:
    _EDGES.append(_EDGES[-1] * _GROWTH)
_BINS = len(_EDGES)  # the last has no end
_EDGES.append(inf)
_PER_LOG = 1 / log(_GROWTH)


class Evidence:
    """The endings of callers of one kind."""

    def __init__(self) -> None:
        self._left = [0.0] * _BINS
        self._ended = [0.0] * _BINS  # those that left, and those that stayed
        self._halved = 0.0  # when
        self._due = -inf  # when to look whether it is time to halve again
        self._fresh = 0  # endings since then

    def add(self, age: float, now: float, *, left: bool) -> None:
        """A caller has ended after ``age`` seconds."""
        if now >= self._due:
            self._forget_half(now)
        self._fresh += 1
        index = 0 if age < _FIRST else min(_BINS - 1, 1 + int(log(age / _FIRST) * _PER_LOG))
        self._ended[index] += 1.0
        if left:
            self._left[index] += 1.0

    def _forget_half(self, now: float) -> None:
        elapsed = now - self._halved
        if self._due == -inf or elapsed < 0:  # the first, or another clock
            elapsed = 0.0
            self._halved = now
        if elapsed >= (_HALF_LIFE if self._fresh >= _ENOUGH else _LONGEST):
            factor = 0.5 ** max(1, elapsed // _LONGEST)
            self._left = [count * factor for count in self._left]
            self._ended = [count * factor for count in self._ended]
            self._halved, self._fresh = now, 0
        self._due = max(now + _HALF_LIFE / 4, self._halved + _HALF_LIFE)

    def forget(self, age: float) -> None:
        """Those that left before this age say nothing of those that come now."""
        for index, end in enumerate(_EDGES[1:]):
            if end > age:
                break
            self._ended[index] -= self._left[index]
            self._left[index] = 0.0

    def limit(self, span: float) -> float:
        """The greatest age at which the chance to leave within the next ``span`` seconds is not yet high. Infinite when
        it is high at no age."""
        last = self._last()
        if last < 0 or not span > 0:
            return inf
        survival = self._survival(last)
        excess, times = _HIGH
        high = excess + times * (1 - exp(_at(survival, 0, span)))
        if high >= 1:
            return inf
        low = log1p(-high)
        index = 0
        for first in range(1, last + 1):
            end = _EDGES[first] + span
            while _EDGES[index + 1] <= end:
                index += 1
            if _at(survival, index, end) - survival[first] < low:
                return _EDGES[first - 1]
        return inf

    def _last(self) -> int:
        """The last bin that has evidence worth to look at; -1 if there is none."""
        left = self._left
        index = _BINS - 1
        while index >= 0 and left[index] < 0.5:
            index -= 1
        return index

    def _survival(self, last: int) -> list[float]:
        """For the beginning of each bin up to the one behind ``last``, the logarithm of the share that stays until then."""
        reach = sum(self._ended) + _ASSUMED
        survival, total = [0.0], 0.0
        for left, ended in zip(self._left[: last + 1], self._ended, strict=False):
            if left:
                total += log1p(-left / reach)
            survival.append(total)
            reach -= ended
        return survival


def _at(survival: list[float], index: int, age: float) -> float:
    """The same for an ``age`` in this bin."""
    while _EDGES[index + 1] <= age:
        index += 1
    if index + 1 >= len(survival):
        return survival[-1]
    begin, end = _EDGES[index], _EDGES[index + 1]
    return survival[index] + (survival[index + 1] - survival[index]) * (age - begin) / (end - begin)
