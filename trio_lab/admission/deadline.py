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


DEADLINE: ContextVar[Deadline | None] = ContextVar("trio_lab_deadline", default=None)
"""The deadline of the request that the current task works for; None if it has none."""
