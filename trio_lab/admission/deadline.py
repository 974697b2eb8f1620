"""Until when the caller of the current request waits for its answer.

Whoever admits a request and knows the deadline of its caller sets `DEADLINE` for the task that serves it. Bulkheads and
pools that this task (or its children) uses then wait no longer than that. Times are seconds on the clock of the event loop.
"""

from __future__ import annotations

import math
from contextvars import ContextVar


class Deadline:
    """``at`` is infinite once the request has been answered: a task that it has left behind works on, for nobody in
    particular."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at

    def lift(self) -> None:
        self.at = math.inf

    def within(self, timeout: float | None, now: float) -> float | None:
        """The timeout (None: no bound), or the time that is left if that is less."""
        left = self.at - now
        if left == math.inf:
            return timeout
        return max(0.0, left if timeout is None else min(left, timeout))


DEADLINE: ContextVar[Deadline | None] = ContextVar("trio_lab_deadline", default=None)
"""The deadline of the request that the current task works for; None if it has none."""


def within_deadline(timeout: float | None, now: float) -> float | None:
    """The timeout of a wait that begins now, bounded by the deadline of the current request."""
    deadline = DEADLINE.get()
    return timeout if deadline is None else deadline.within(timeout, now)
