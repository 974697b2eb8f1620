"""Trio's default thread limiter, a queue that no program makes and many use: file I/O, name look-ups, process starts."""

from __future__ import annotations

import trio

from ..records.queue import QueueStatistics, Undivided


class DefaultLimiter(Undivided):
    """The default thread limiter of the current run. How many tasks wait is known, for how long is not; there is no bound."""

    def statistics(self, kind: str | None = None) -> QueueStatistics:
        limiter = trio.to_thread.current_default_thread_limiter().statistics()
        capacity = limiter.total_tokens if isinstance(limiter.total_tokens, int) else None
        return QueueStatistics(
            name="default_limiter",
            capacity=capacity,
            in_service=limiter.borrowed_tokens,
            waiting=limiter.tasks_waiting,
            kinds=(),
        )
