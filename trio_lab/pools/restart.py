"""How often a worker may be started again, and when to stop pretending. Pure: the time is an argument.

A worker that ended a job, or was ready for as long as one start may take of the budget's time (`RestartPolicy.pace`), has
shown that workers can live; its death is replaced at once. Other deaths count: the start after each waits longer than
the one before, no more than ``max_restarts`` happen in any ``max_seconds`` (the words are OTP's), and from the third in
a row the breaker is open: whoever comes is refused at once instead of waiting for a worker that will not live. The next
worker that ends a job closes it again; it gets one as soon as it is ready.

A pool may also kill workers itself, to end jobs that nobody waits for. Each kill costs a start, so a storm of callers that
leave must not become a storm of starts: no more of these kills happen in any ``max_seconds`` than ``max_restarts``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

from ..preconditions import require_count, require_seconds

_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0)  # seconds before the n-th start after n unproductive deaths in a row
_BREAK_AFTER = 3  # one death may be a job's doing and a second an accident


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """At most ``max_restarts`` starts in ``max_seconds`` after workers that died without having done anything."""

    max_restarts: int = 5
    max_seconds: float = 10.0

    def __post_init__(self) -> None:
        require_count("max_restarts", self.max_restarts, low=1)
        require_seconds("max_seconds", self.max_seconds, low=0.0, high=86_400.0)

    @property
    def pace(self) -> float:
        """Seconds a start: workers that live longer than that are not started too often, whatever ends them."""
        return self.max_seconds / self.max_restarts


class RestartBudget:
    """What of a policy is used up."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._starts: deque[float] = deque()  # of the starts that count
        self.deaths = 0
        """Unproductive ones in a row."""
        self._last_death = 0.0

    @property
    def open(self) -> bool:
        """Whether the breaker is open: no worker can be kept alive."""
        return self.deaths >= _BREAK_AFTER

    def next_start(self, now: float) -> float:
        """The earliest time at which a worker may be started; it may lie in the past."""
        if self.deaths == 0:
            return now
        delayed = self._last_death + _DELAYS[min(self.deaths, len(_DELAYS) - 1)]
        while self._starts and self._starts[0] <= now - self._policy.max_seconds:
            self._starts.popleft()
        if len(self._starts) < self._policy.max_restarts:
            return delayed
        return max(delayed, self._starts[-self._policy.max_restarts] + self._policy.max_seconds)

    def started(self, now: float) -> None:
        """A worker is being started."""
        self._starts.append(now)
        while len(self._starts) > self._policy.max_restarts:
            self._starts.popleft()

    def died(self, now: float, started: float) -> None:
        """A worker died that had not done anything, and not because of a job; ``started`` is what `started` was told.

        Its start counts from now on: a process begins at some unknown moment between the two, and so no window of
        ``max_seconds`` holds one start too many, whoever looks.
        """
        self.deaths += 1
        self._last_death = now
        if started in self._starts:
            self._starts.remove(started)
            self._starts.append(now)

    def proved(self) -> None:
        """A worker has ended a job. Becoming ready proves nothing: what kills workers may come right after."""
        self.deaths = 0


class KillBudget:
    """How many workers may be killed because nobody waits for their jobs."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._seconds = policy.max_seconds
        self._kills: deque[float] = deque([-inf] * policy.max_restarts, policy.max_restarts)  # the last ones

    @property
    def next_kill(self) -> float:
        """The earliest time at which a worker may be killed; it may lie in the past."""
        return self._kills[0] + self._seconds

    def killed(self, now: float) -> None:
        self._kills.append(now)
