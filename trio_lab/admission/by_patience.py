"""The default discipline: it learns how long callers wait, and serves those who will be there when their service ends.

While all that wait can be served in time, they are served in the order in which they came. When more come than that, a
*random* one is next among those for whom it is not too late (`patience`). First come, first served would then serve each
caller just before it leaves, and fail for all when what was learned is a little wrong; last come, first served would be
as good, but leaves the unlucky without an answer for as long as the overload lasts.

A caller for whom it is too late is not refused but passed over: it may have more patience than most, and then its turn
comes later; and one that is refused comes again sooner, and each time costs. There are two exceptions, both in an overload:

- Callers who are still here at an age at which nearly all others have left are refused, at the next take: they are most likely
  gone, and it was not seen. Should their patience have grown instead, they are themselves the evidence of it, and so it is
  learned within a second or two.
- Callers that come together leave together, and come again together. Whenever it is too late for all of them, the few others
  are served, again and again: these were served before, and so fell out of step. So when it is too late for all that are drawn,
  some of them are refused. They come again at another time than the others, and a few seconds later nobody is in step.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from math import inf
from random import Random
from typing import Generic

from .disciplines import W
from .line import Line
from .patience import Patiences

_WEIGHT = 0.05  # of the newest in the moving mean of the time between two takes
_TRIES = 8  # to find one for whom it is not too late
_OUT_OF_STEP = 4  # refused at most when all these tries have failed


class ByPatience(Generic[W]):
    """Learned patience. ``learner`` may be shared with other queues; ``random`` gives numbers from 0 to less than 1."""

    def __init__(self, learner: Patiences | None = None, *, random: Callable[[], float] | None = None) -> None:
        self.learner = Patiences() if learner is None else learner
        self._random = Random().random if random is None else random
        self._line: Line[W] = Line()
        self.push, self.remove = self._line.add, self._line.remove
        self._taken = -inf  # when the last was taken, if others waited then
        self._pace = 0.0  # moving mean of the time between two takes

    def __len__(self) -> int:
        return len(self._line)

    def pop(self, now: float, refused: list[W]) -> W | None:
        line = self._line
        if not len(line):
            return None
        if now >= self._taken != -inf:
            between = now - self._taken
            self._pace = self._pace + _WEIGHT * (between - self._pace) if self._pace else between
        in_time = self.learner.in_time(now)
        entry = line.oldest() if in_time == inf else self._choose(in_time, now, refused)
        line.remove(entry)
        self._taken = now if len(line) else -inf
        return entry

    def _choose(self, in_time: float, now: float, refused: list[W]) -> W:
        """The next one in an overload. The last caller in the line is served in any case, rather than leave the place free."""
        line, learner = self._line, self.learner
        while learner.gone(entry := line.oldest(), now) and len(line) > 1:
            line.remove(entry)
            refused.append(entry)
        needed = self._pace * len(line)  # seconds until all that wait are served
        if needed <= in_time or self._random() * needed < in_time:
            for entry in line.oldest_few(_TRIES):
                if not learner.too_late(entry, now):
                    return entry
        late: dict[W, None] = {}
        for _ in range(_TRIES):
            if not learner.too_late(entry := line.any(self._random), now):
                return entry
            late[entry] = None
        youngest = line.youngest()
        if needed > in_time:
            late.pop(youngest, None)
            for entry in islice(late, _OUT_OF_STEP):
                line.remove(entry)
                refused.append(entry)
        return youngest
