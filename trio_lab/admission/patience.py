"""What is learned of callers from how they end: how long their service takes, and at which ages it is too late to begin
with it, because they are likely to leave before its end.

Each kind of caller is learned by itself: those who wait for a report may have more patience than those who wait for a
page, and the report takes longer.
"""

from __future__ import annotations

from math import inf

from .disciplines import Waiting
from .evidence import NEVER_TOO_LATE, Evidence

_WEIGHT = 0.05  # of the newest service time in the moving means
_PERIOD = 0.1  # seconds between two conclusions: each takes some twenty microseconds a kind whose callers leave
# Of callers that are served this soon, one in sixteen is counted, as sixteen. They say little about patience, and there may
# be ten thousand a second: counting one takes a microsecond or two, where a short job takes ten.
_BRIEF = 0.005  # seconds
_ONE_IN = 16


class Patience:
    """The patience of one kind of caller."""

    __slots__ = ("ages", "deviation", "evidence", "service")

    def __init__(self) -> None:
        self.evidence = Evidence()
        self.ages = NEVER_TOO_LATE
        self.service = 0.0
        """Moving mean of the service time, in seconds."""
        self.deviation = 0.0
        """Moving mean of how far a service time is from that."""

    def saw_service(self, seconds: float) -> None:
        if self.service:
            error = seconds - self.service
            self.service += _WEIGHT * error
            self.deviation += _WEIGHT * (abs(error) - self.deviation)
        else:
            self.service = seconds

    def conclude(self, now: float) -> None:
        service = self.service
        self.ages = self.evidence.ages((service + 2 * self.deviation, service, service / 2, service / 4), now)


class Patiences(dict[str, Patience]):
    """The `Learner` of a queue: the patience of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self._uncounted = -1  # callers that were served within `_BRIEF`; the first is counted
        self._concluded = -inf  # when conclusions were drawn last
        self._in_time = inf

    def __missing__(self, kind: str) -> Patience:
        patience = self[kind] = Patience()
        return patience

    def in_time(self, now: float) -> float:
        """Seconds up to which callers of all kinds can wait; infinite as long as nobody leaves early enough to matter."""
        if now > self._concluded + _PERIOD or now < self._concluded:  # the second: another clock
            self._concluded, self._in_time = now, inf
            for patience in self.values():
                patience.conclude(now)
                if patience.ages.bounds:
                    self._in_time = min(self._in_time, patience.ages.bounds[0])
        return self._in_time

    def too_late(self, entry: Waiting, now: float) -> bool:
        """Whether its caller is likely to leave before its service ends."""
        return self[entry.kind].ages.too_late(now - entry.arrived)

    def gone(self, entry: Waiting, now: float) -> bool:
        """Whether nearly all others leave before this age, so that this one has most likely left unseen."""
        return now - entry.arrived > self[entry.kind].ages.last

    # How callers end.

    def left(self, entry: Waiting, now: float) -> None:
        self[entry.kind].evidence.add(now - entry.arrived, now, left=True)

    def ran(self, entry: Waiting, seconds: float) -> None:
        patience = self[entry.kind]
        if seconds > patience.service:  # else it may have been ended before its time
            patience.saw_service(seconds)

    def stayed(self, entry: Waiting, now: float) -> None:
        self[entry.kind].evidence.add(now - entry.arrived, now, left=False)

    def served(self, entry: Waiting, now: float, seconds: float) -> None:
        age, count = now - entry.arrived, 1
        if age < _BRIEF:
            self._uncounted += 1
            if self._uncounted % _ONE_IN:
                return
            count = _ONE_IN
        patience = self[entry.kind]
        patience.saw_service(seconds)
        patience.evidence.add(age, now, left=False, count=count)
