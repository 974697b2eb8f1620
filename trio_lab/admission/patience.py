"""What is learned of callers from how they end: how long their service takes, and how long they wait for it.

From both follows the *limit* of a kind of caller: the age from which on it is likely to leave before its service would
end. It is infinite as long as nobody leaves early enough to matter.

Callers that are refused at their limit cannot show that they would have waited longer. So a few of them are *probes*:
they are kept beyond it. If they stay, patience has grown, and what was learned before is forgotten.
"""

from __future__ import annotations

from collections import deque
from math import inf

from .disciplines import Waiting
from .evidence import Evidence

_WEIGHT = 0.05  # of the newest service time in the moving means
_PERIOD = 0.1  # seconds between two calculations of the limit: each takes about a tenth of a millisecond
_ONE_IN = 20  # of those that are refused is a probe instead
_AT_ONCE = 10  # probes of a kind
_OUTCOMES = 10  # of probes, the last ones
_GROWN = 9  # of these must have stayed for patience to have grown


class Patience:
    """The patience of one kind of caller."""

    def __init__(self) -> None:
        self.evidence = Evidence()
        self.service = 0.0
        """Moving mean of the service time, in seconds."""
        self.deviation = 0.0
        """Moving mean of how far a service time is from that."""
        self.limit = inf
        """Seconds from which on a caller is likely to leave before its service ends."""
        self.probes = 0
        """How many wait now."""
        self._calculated = -inf  # when
        self._refused = 0
        self._outcomes: deque[bool] = deque(maxlen=_OUTCOMES)  # whether each probe has stayed

    def limit_at(self, now: float) -> float:
        """`limit`, by the evidence of now."""
        if now > self._calculated + _PERIOD or now < self._calculated:  # the second: another clock
            self._calculated = now
            self.limit = self.evidence.limit(self.service + 2 * self.deviation)
        return self.limit

    def saw_service(self, seconds: float) -> None:
        if self.service:
            error = seconds - self.service
            self.service += _WEIGHT * error
            self.deviation += _WEIGHT * (abs(error) - self.deviation)
        else:
            self.service = seconds

    def wants_probe(self) -> bool:
        """One is to be refused: whether it is kept instead."""
        self._refused += 1
        if self._refused < _ONE_IN or self.probes >= _AT_ONCE:
            return False
        self._refused = 0
        self.probes += 1
        return True

    @property
    def probe_time(self) -> float:
        """The age up to which a probe is kept."""
        return 2 * self.limit + self.service

    def probe_ended(self, age: float, *, stayed: bool | None) -> None:
        """A probe that was to be kept up to this age has stayed, or left before; None: it was served."""
        self.probes -= 1
        if stayed is None:
            return
        self._outcomes.append(stayed)
        if sum(self._outcomes) >= _GROWN:
            self._outcomes.clear()
            self.evidence.forget(age)
            self._calculated = -inf


class Patiences(dict[str, Patience]):
    """The `Learner` of a queue: the patience of each kind."""

    def __missing__(self, kind: str) -> Patience:
        patience = self[kind] = Patience()
        return patience

    def left(self, entry: Waiting, now: float, ran: float) -> None:
        patience = self[entry.kind]
        if ran > patience.service:  # it would have taken longer than that
            patience.saw_service(ran)
        patience.evidence.add(now - entry.arrived, now, left=True)

    def stayed(self, entry: Waiting, now: float) -> None:
        self[entry.kind].evidence.add(now - entry.arrived, now, left=False)

    def served(self, entry: Waiting, now: float, seconds: float) -> None:
        patience = self[entry.kind]
        patience.saw_service(seconds)
        patience.evidence.add(now - entry.arrived, now, left=False)
