"""Unit: Trio's default thread limiter as a queue."""

from __future__ import annotations

import trio
import trio.testing

from trio_lab.loop.default_limiter import DefaultLimiter


async def test_who_holds_it_and_who_waits_is_counted() -> None:
    limiter = trio.to_thread.current_default_thread_limiter()
    before, queue = limiter.total_tokens, DefaultLimiter()
    limiter.total_tokens = 1
    try:
        async with limiter, trio.open_nursery() as nursery:
            nursery.start_soon(limiter.acquire_on_behalf_of, "another")
            await trio.testing.wait_all_tasks_blocked()
            found = queue.statistics()
            nursery.cancel_scope.cancel()
        assert (found.name, found.capacity, found.in_service, found.waiting) == ("default_limiter", 1, 1, 1)
        assert (found.wait, found.max_waiting, queue.kinds()) == (None, None, [])
    finally:
        limiter.total_tokens = before
