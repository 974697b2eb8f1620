"""Unit: admission on asyncio. Who waits is seen by its counts; nobody sleeps for a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from trio_lab.admission.gate import Place
from trio_lab.admission.on_asyncio import Bulkhead
from trio_lab.errors import Closed, QueueFull, QueueTimeout


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def admission(capacity: int = 1, max_waiting: int | None = None, queue_timeout: float | None = None) -> Bulkhead:
    return Bulkhead("pool", capacity=capacity, max_waiting=max_waiting, queue_timeout=queue_timeout)


async def waiter(pool: Bulkhead, kind: str = "") -> asyncio.Task[Place]:
    """One more who waits."""
    task = asyncio.create_task(pool.enter(kind=kind))
    before = pool.waiting
    while pool.waiting == before:
        await asyncio.sleep(0)
    return task


def assert_counts_balance(pool: Bulkhead) -> None:
    found = pool.statistics()
    assert found.arrivals is not None
    assert found.completions is not None
    assert found.arrivals == found.completions + sum(
        count or 0 for count in (found.rejected, found.timed_out, found.cancelled, found.in_service, found.waiting)
    )


def test_a_full_queue_refuses_without_waiting() -> None:
    async def test() -> None:
        pool = admission(max_waiting=1)
        await pool.enter()
        waiting = await waiter(pool)
        with pytest.raises(QueueFull):
            await pool.enter()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert_counts_balance(pool)

    run(test())


def test_first_come_first_served() -> None:
    async def test() -> None:
        pool = admission()
        place = await pool.enter()
        first, second = await waiter(pool), await waiter(pool)
        pool.leave(place)
        assert (await first).waited >= 0
        assert not second.done()
        pool.leave(first.result())
        pool.leave(await second)
        assert pool.statistics().completions == 3
        assert_counts_balance(pool)

    run(test())


def test_a_cancelled_caller_frees_its_slot_at_once() -> None:
    async def test() -> None:
        pool = admission(max_waiting=1)
        place = await pool.enter()
        leaver = await waiter(pool)
        leaver.cancel()
        await asyncio.wait([leaver])
        assert pool.waiting == 0
        follower = await waiter(pool)
        pool.leave(place)
        pool.leave(await follower)
        assert pool.statistics().cancelled == 1
        assert_counts_balance(pool)

    run(test())


def test_a_place_given_to_a_caller_that_leaves_in_the_same_pass_goes_on() -> None:
    async def test() -> None:
        pool = admission()
        place = await pool.enter()
        leaver, follower = await waiter(pool), await waiter(pool)
        pool.leave(place)  # the place is the leaver's now
        leaver.cancel()
        await asyncio.wait([leaver])
        assert leaver.cancelled()
        pool.leave(await follower)
        assert (pool.in_service, pool.statistics().cancelled) == (0, 1)
        assert_counts_balance(pool)

    run(test())


def test_a_caller_that_was_cancelled_and_has_yet_to_run_gets_no_place() -> None:
    async def test() -> None:
        pool = admission()
        place = await pool.enter()
        leaver, follower = await waiter(pool), await waiter(pool)
        leaver.cancel()
        pool.leave(place)
        pool.leave(await follower)
        await asyncio.wait([leaver])
        assert_counts_balance(pool)

    run(test())


def test_the_queue_timeout_refuses() -> None:
    async def test() -> None:
        pool = admission(queue_timeout=0.01)
        await pool.enter()
        with pytest.raises(QueueTimeout):
            await pool.enter()
        assert pool.statistics().timed_out == 1
        assert_counts_balance(pool)

    run(test())


def test_nobody_is_served_past_its_deadline_by_a_loop_that_was_late() -> None:
    async def test() -> None:
        pool = admission(queue_timeout=0.001)
        place = await pool.enter()
        waiting = await waiter(pool)
        loop = asyncio.get_running_loop()
        late = loop.time() + 0.002
        while loop.time() < late:
            pass  # block the loop until the deadline has passed and no timer could run
        pool.leave(place)
        with pytest.raises(QueueTimeout):
            await waiting
        assert (pool.in_service, pool.statistics().timed_out) == (0, 1)
        assert_counts_balance(pool)

    run(test())


def test_closing_refuses_those_who_wait_and_those_who_come() -> None:
    async def test() -> None:
        pool = admission()
        await pool.enter()
        waiting = await waiter(pool)
        pool.close()
        with pytest.raises(Closed):
            await waiting
        with pytest.raises(Closed):
            await pool.enter()
        assert_counts_balance(pool)

    run(test())


def test_more_places_let_more_in() -> None:
    async def test() -> None:
        pool = admission(capacity=0)
        waiting = await waiter(pool, "hash")
        pool.resize(1)
        pool.leave(await waiting)
        assert pool.kinds() == ["hash"]
        assert pool.statistics("hash").name == "pool.hash"
        pool.resize(0)
        last = await waiter(pool)
        last.cancel()
        await asyncio.wait([last])

    run(test())
