"""The queue nobody made: Trio's default limiter, which file I/O, name look-ups and process starts share by default.

Who waits at it, and for how long, it does not tell; how many, it does.
"""

from __future__ import annotations

import trio

from ..records.queue import QueueStatistics


def default_limiter_statistics() -> QueueStatistics:
    """The current run's default thread limiter as a queue. Its waits are not observed, and nothing bounds them."""
    limiter = trio.to_thread.current_default_thread_limiter().statistics()
    capacity = limiter.total_tokens if isinstance(limiter.total_tokens, int) else None
    return QueueStatistics(
        name="default_limiter",
        capacity=capacity,
        in_service=limiter.borrowed_tokens,
        waiting=limiter.tasks_waiting,
    )
