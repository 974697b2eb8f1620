"""The default discipline: it learns how long callers wait, and serves those who will be there when their service ends.

While all that wait can be served before they leave, they are served in the order in which they came. When more come than
that, a *random* one is next among those that are not older than the limit that was learned (`patience`). First come, first
served would serve each caller just before it leaves, and fail for all when the limit is a little too high; last come, first
served would be as good, but leaves most callers without an answer for as long as the overload lasts.

A caller that is older than its limit is refused when the next one is taken: not before, for one that is refused comes again
sooner, and each time costs. So nobody waits longer than the limit and the time to the next take; a probe waits at most for
twice the limit and a service time. While the limit is infinite, only the queue timeout bounds the wait.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from math import inf
from operator import itemgetter
from random import Random
from typing import Generic

from .disciplines import W
from .line import Line
from .patience import Patiences

_WEIGHT = 0.05  # of the newest in the moving mean of the time between two takes
_IN_TIME = 0.95  # share of the limit in which all that wait must be served to keep their order
_UNTIL = itemgetter(0)


class ByPatience(Generic[W]):
    """Learned patience. ``learner`` may be shared with other queues; ``random`` gives numbers from 0 to less than 1."""

    def __init__(self, learner: Patiences | None = None, *, random: Callable[[], float] | None = None) -> None:
        self.learner = Patiences() if learner is None else learner
        self._random = Random().random if random is None else random
        self._line: Line[W] = Line()
        self._probes: list[tuple[float, W]] = []  # with the time until which each is kept, the earliest first
        self._taken = -inf  # when the last was taken, if others waited then
        self._pace = 0.0  # moving mean of the time between two takes

    def push(self, entry: W) -> None:
        self._line.add(entry)

    def remove(self, entry: W) -> None:
        if entry in self._line:
            self._line.remove(entry)
        else:
            self._end_probe(entry, stayed=False)

    def __len__(self) -> int:
        return len(self._line) + len(self._probes)

    def pop(self, now: float, refused: list[W]) -> W | None:
        line = self._line
        if self._probes:
            self._refuse_probes(now, refused)
        if not len(line):
            return self._take_probe()
        self._keep_pace(now)
        entry = line.oldest()
        limit = self.learner[entry.kind].limit_at(now)
        if limit != inf:
            entry = self._choose(entry, now, refused)
        line.remove(entry)
        self._taken = now if len(line) else -inf
        return entry

    def _keep_pace(self, now: float) -> None:
        if self._taken != -inf and now >= self._taken:
            between = now - self._taken
            self._pace = self._pace + _WEIGHT * (between - self._pace) if self._pace else between

    def _choose(self, entry: W, now: float, refused: list[W]) -> W:
        """One that is not overdue, beginning with this one, the oldest. The last one in the line is served in any case:
        better than that the place stays free."""
        line = self._line
        while self._is_overdue(entry, now) and len(line) > 1:
            self._refuse(entry, now, refused)
            entry = line.oldest()
        if self._pace * len(line) <= _IN_TIME * self.learner[entry.kind].limit:
            return entry
        while self._is_overdue(entry := line.any(self._random), now) and len(line) > 1:
            self._refuse(entry, now, refused)
        return entry

    def _is_overdue(self, entry: W, now: float) -> bool:
        return now - entry.arrived > self.learner[entry.kind].limit_at(now)

    def _refuse(self, entry: W, now: float, refused: list[W]) -> None:
        self._line.remove(entry)
        patience = self.learner[entry.kind]
        until = entry.arrived + patience.probe_time
        if until < entry.deadline and patience.wants_probe():
            insort(self._probes, (until, entry), key=_UNTIL)
        else:
            refused.append(entry)

    # Probes.

    def _refuse_probes(self, now: float, refused: list[W]) -> None:
        """Those that have stayed as long as they were kept."""
        while self._probes and self._probes[0][0] <= now:
            until, entry = self._probes.pop(0)
            self.learner[entry.kind].probe_ended(until - entry.arrived, stayed=True)
            refused.append(entry)

    def _take_probe(self) -> W | None:
        """Nobody else waits: the last one."""
        if not self._probes:
            return None
        entry = self._probes[-1][1]
        self._end_probe(entry, stayed=None)
        return entry

    def _end_probe(self, entry: W, *, stayed: bool | None) -> None:
        """Raises KeyError if it is none."""
        for index, (until, probe) in enumerate(self._probes):
            if probe is entry:
                del self._probes[index]
                self.learner[entry.kind].probe_ended(until - entry.arrived, stayed=stayed)
                return
        raise KeyError(entry)
