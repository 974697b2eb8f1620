"""Unit: Trio's default thread limiter as a queue."""

from __future__ import annotations

import trio
import trio.testing
from trio.testing import MockClock

from trio_lab.loop.default_limiter import DefaultLimiter, open_default_limiter


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


async def test_free_places_are_had_at_once(autojump_clock: MockClock) -> None:
    async with open_default_limiter() as limiter:
        await trio.sleep(1.1)
    wait = limiter.statistics().wait
    assert wait is not None
    assert (wait.count, wait.max) == (4, 0.0)


async def test_the_wait_for_a_place_is_seen(autojump_clock: MockClock) -> None:
    places = trio.to_thread.current_default_thread_limiter()
    holders = [object() for _ in range(int(places.total_tokens))]
    async with open_default_limiter() as limiter:
        for holder in holders:
            places.acquire_on_behalf_of_nowait(holder)
        await trio.sleep(1.0)
        found = limiter.statistics()
        assert (found.waiting, found.in_service, found.capacity) == (1, 40, 40)
        for holder in holders:
            places.release_on_behalf_of(holder)
        await trio.sleep(0.1)
        wait = limiter.statistics().wait
        assert wait is not None
        assert (wait.count, wait.max) == (1, 0.75)


async def test_without_the_probe_it_is_not_observed() -> None:
    assert DefaultLimiter().statistics().wait is None
