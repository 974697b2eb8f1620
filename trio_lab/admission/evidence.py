"""Evidence of how long callers wait before they leave, and at which ages it is too late to begin with one.

Every caller that ends is counted by its age: as one that *left*, or as one that *stayed* until it was served or refused,
whose patience was therefore longer than that. From both follows, for each age, the hazard: the share of those who reach
this age that leave at it (the life-table estimate, which needs no assumption on how patience is distributed).

Ages are counted in bins that grow with the age, so that 0.3 s and 30 s are resolved equally well. Old evidence is
forgotten by halves. Pure: time is an argument.
"""

from __future__ import annotations

from bisect import bisect
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import exp, inf, log, log1p
from operator import sub, truediv

_FIRST = 0.005  # seconds: the end of the first bin
_GROWTH = 1.05  # each bin's end ÷ its begin; with 1.08 a patience of 0.3 s was found too coarsely
_LAST = 60.0  # seconds: older callers are counted in the last bin, as having stayed so long
_HALF_LIFE = 4.0  # seconds after which evidence counts half
_ENOUGH = 50  # endings that must have come in that time; with fewer, evidence is kept for up to `_LONGEST`
_LONGEST = 30.0
# Callers that are assumed to have stayed through every age. So a single one that closes its connection changes nothing: it
# takes a few that leave at about the same age.
_ASSUMED = 50.0
_HIGH = 0.03, 1.5  # the chance to leave is high above 0.03 + 1.5 × that of callers that have just come
_RECENT = 100  # last endings, which show whether patience has grown
_SAMPLE = 20  # as many of them must have reached an age to say anything about it
_MANY = -log(0.2)  # the hazard beyond which those that seem to stay have most likely left unseen
_ROUNDING = 1e-9  # what is nearer to a bound than this is looked at closely

_EDGES = [0.0, _FIRST]
while _EDGES[-1] < _LAST:
    _EDGES.append(_EDGES[-1] * _GROWTH)
_BINS = len(_EDGES)  # the last has no end
_EDGES.append(inf)
_PER_LOG = 1 / log(_GROWTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """At which ages it is too late to begin with a caller: from the first of the ``bounds`` to the second, from the third to
    the fourth, and so on, in seconds. Older than ``last``, hardly any callers are left."""

    bounds: tuple[float, ...] = ()
    last: float = inf

    def too_late(self, age: float) -> bool:
        return bool(bisect(self.bounds, age) % 2)


NEVER_TOO_LATE = Ages()


class Evidence:
    """The endings of callers of one kind."""

    def __init__(self) -> None:
        self._left = [0.0] * _BINS
        self._ended = [0.0] * _BINS  # those that left, and those that stayed
        self._any = False  # whether any have left that count
        self._oldest = 0  # no bin is higher in which callers left
        self._halved = 0.0  # when half was forgotten last
        self._due = -inf  # when to check whether it is time to do so again
        self._fresh = 0  # endings since the last time
        self._recent: deque[tuple[float, bool]] = deque(maxlen=_RECENT)  # endings: age, and whether it left
        self._late: list[tuple[int, int, float]] = []  # bins in which it was too late, and the share that left there

    def add(self, age: float, now: float, *, left: bool, count: int = 1) -> None:
        """A caller has ended after ``age`` seconds; it stands for ``count`` of them."""
        if now >= self._due or now < self._halved:
            self._forget(now)
        self._fresh += 1
        self._recent.append((age, left))
        index = 0 if age < _FIRST else 1 + int(log(age / _FIRST) * _PER_LOG)
        if index >= _BINS:
            index = _BINS - 1
        self._ended[index] += count
        if left and index < _BINS - 1:
            self._left[index] += count
            self._any = True
            if index > self._oldest:
                self._oldest = index

    def _forget(self, now: float) -> None:
        """Forget half of the evidence, if it is old enough."""
        elapsed = now - self._halved
        if self._due == -inf or elapsed < 0:  # the first, or another clock
            elapsed, self._halved = 0.0, now
        if elapsed >= (_HALF_LIFE if self._fresh >= _ENOUGH else _LONGEST):
            factor = 0.5 ** max(1, elapsed // _LONGEST)
            self._left = [count * factor for count in self._left]
            self._ended = [count * factor for count in self._ended]
            self._any = max(self._left) > 0.5
            self._halved = now
            self._fresh = 0
        self._due = max(now + _HALF_LIFE / 4, self._halved + _HALF_LIFE)

    def ages(self, spans: Iterable[float], now: float) -> Ages:
        """At which ages the chance to leave within the next span of time is high. Of the ``spans``, in seconds, the first
        counts for which most callers stay that have just come, or else the last."""
        if now >= self._due or now < self._halved:
            self._forget(now)
        for first, end, share in self._late:
            if self._is_over(_EDGES[first], _EDGES[end], share):
                self._drop(first, end)
        self._late.clear()
        if not self._any:
            return NEVER_TOO_LATE
        hazard = self._hazard()
        bounds: list[float] = []
        for first, end in _stretches(hazard, *_standard(hazard, spans)):
            bounds += (_EDGES[first - 1], _EDGES[end])
            through = hazard[end] - hazard[first]
            self._late.append((first, end, 1 - exp(-through)))
            if through > _MANY:
                return Ages(bounds=tuple(bounds), last=_EDGES[end])
        return Ages(bounds=tuple(bounds))

    def _is_over(self, begin: float, end: float, share: float) -> bool:
        """Whether far fewer than this share have left between these ages, of the last callers that reached them."""
        reached = [(age, left) for age, left in self._recent if age >= begin]
        left = sum(left for age, left in reached if age < end)
        return len(reached) >= _SAMPLE and left < share * len(reached) / 3

    def _drop(self, first: int, end: int) -> None:
        for index in range(first, end):
            self._ended[index] -= self._left[index]
            self._left[index] = 0.0
        self._any = max(self._left) > 0.5

    def _hazard(self) -> list[float]:
        """For the beginning of each bin, up to the one behind the oldest in which callers left, the hazard of all ages before:
        minus the logarithm of the share that stays until then.

        All in C, because it is needed ten times a second; even so it is the most expensive part of a simulation. The numbers
        that reach an age are negative here. So they can be added up, which `accumulate` does without calling a function, and
        their quotients have the sign that `log1p` needs.
        """
        reaching = accumulate(self._ended[: self._oldest], initial=-sum(self._ended) - _ASSUMED)
        return [*accumulate(map(log1p, map(truediv, self._left, reaching)), sub, initial=0.0)]


def _at(hazard: list[float], age: float) -> float:
    """The hazard of all ages before this one, interpolated."""
    index = bisect(_EDGES, age) - 1
    if index + 1 >= len(hazard):
        return hazard[-1]
    begin, end = _EDGES[index], _EDGES[index + 1]
    return hazard[index] + (hazard[index + 1] - hazard[index]) * (age - begin) / (end - begin)


def _standard(hazard: list[float], spans: Iterable[float]) -> tuple[float, float]:
    """The span that counts, and the hazard within it above which it is too late."""
    for span in spans:
        at_first = 1 - exp(-_at(hazard, span))
        if at_first < 0.5:
            break
    excess, times = _HIGH
    return span, -log(max(1 - excess - times * at_first, (1 - at_first) / 2))


def _stretches(hazard: list[float], span: float, allowed: float) -> Iterator[tuple[int, int]]:
    """Stretches of bins at whose beginning it is too late: the first bin, and the one after the last.

    Most bins need no look: the hazard only grows, so as far as it does not grow by what is allowed no span is too late that
    ends before. To look at each bin was a fifth of the time of a simulation.
    """
    first, begun, last = 1, 0, len(hazard) - 1
    while first <= last:
        if not begun:
            allowed_until = bisect(hazard, hazard[first] + allowed - _ROUNDING) - 1
            if allowed_until >= last:
                return
            if (skipped_to := bisect(_EDGES, _EDGES[allowed_until] - span)) > first:
                first = skipped_to
                continue
        late = _at(hazard, _EDGES[first] + span) - hazard[first] > allowed
        if late and not begun:
            begun = first
        elif begun and not late:
            yield begun, first
            begun = 0
        first += 1
