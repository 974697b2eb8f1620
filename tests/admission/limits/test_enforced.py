"""Where a limit is enforced: what bulkheads and native pools tell it, and that they obey it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext, suppress

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import trio_lab
from trio_lab.admission.gate import Gate
from trio_lab.admission.limits.limit import Outcome
from trio_lab.admission.limits.neighbours import Neighbours
from trio_lab.admission.on_trio import Bulkhead
from trio_lab.errors import QueueFull
from trio_lab.pools.native import MOST_THREADS
from trio_lab.servers.asyncio import threads

from .recorded import Recorded


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome.SUCCESS),
        (TimeoutError(), Outcome.DROPPED),
        (trio.TooSlowError(), Outcome.DROPPED),
        (QueueFull("database"), Outcome.DROPPED),
        (KeyError(), Outcome.IGNORED),
    ],
)
async def test_how_a_block_ends_is_told(error: Exception | None, outcome: Outcome) -> None:
    limit = Recorded()
    bulkhead = Bulkhead("test", capacity=1, limit=limit)
    with nullcontext() if error is None else pytest.raises(type(error)):
        async with bulkhead.place():
            if error is not None:
                raise error
    assert [sample.outcome for sample in limit.samples] == [outcome]


async def test_a_block_that_is_cancelled_tells_nothing(autojump_clock: MockClock) -> None:
    limit = Recorded()
    bulkhead = Bulkhead("test", capacity=1, limit=limit)
    with trio.move_on_after(1):
        async with bulkhead.place():
            await trio.sleep_forever()
    assert [sample.outcome for sample in limit.samples] == [Outcome.IGNORED]


async def test_wait_and_service_are_told_apart(autojump_clock: MockClock) -> None:
    limit = Recorded()
    bulkhead = Bulkhead("test", capacity=1, limit=limit)

    async def hold() -> None:
        async with bulkhead.place():
            await trio.sleep(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold)
        nursery.start_soon(hold)
    first, second = limit.samples
    assert (first.waited, first.served, first.in_flight) == (0.0, pytest.approx(2.0), 1)
    assert (second.waited, second.served) == (pytest.approx(2.0), pytest.approx(2.0))


async def test_a_limit_that_grows_admits_those_that_wait() -> None:
    limit = Recorded()
    limit.next = 3
    bulkhead = Bulkhead("test", capacity=1, limit=limit)
    place = await bulkhead.enter()
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(bulkhead.enter)
        await wait_all_tasks_blocked()
        bulkhead.leave(place)
        await wait_all_tasks_blocked()
        assert (bulkhead.capacity, bulkhead.in_service, bulkhead.waiting) == (3, 3, 1)
        nursery.cancel_scope.cancel()


def test_what_adapts_cannot_be_resized() -> None:
    with pytest.raises(ValueError, match="its limit is adaptive"):
        Gate("test", capacity=1, limit="adaptive").resize(2, 0.0)


def fail(error: Exception) -> None:
    raise error


ENDS = [(None, Outcome.SUCCESS), (TimeoutError(), Outcome.DROPPED), (KeyError(), Outcome.SUCCESS)]


@pytest.mark.parametrize(("error", "outcome"), ENDS)
async def test_a_native_pool_tells_how_its_jobs_ended(error: Exception | None, outcome: Outcome) -> None:
    limit = Recorded()
    async with trio_lab.open_native_pool(size=1, limit=limit) as pool:
        with suppress(TimeoutError, KeyError):
            await pool.run(int) if error is None else await pool.run(fail, error)
    (sample,) = limit.samples
    assert sample.outcome is outcome
    assert 0 < sample.loop_delay <= sample.served


async def test_a_native_pool_has_as_many_threads_as_its_limit_says() -> None:
    limit = Recorded()
    limit.next = 3
    together = threading.Barrier(3)
    async with trio_lab.open_native_pool(size=1, limit=limit) as pool:
        await pool.run(int)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(pool.run, together.wait, 30)  # passes only if three run at once


async def test_the_limit_of_a_native_pool_by_name() -> None:
    async with trio_lab.open_native_pool(size=2, limit="adaptive") as pool:
        assert pool.size == 2
        limit = pool._bulkhead.limit
        assert isinstance(limit, Neighbours)
        assert limit.highest == MOST_THREADS


@pytest.mark.parametrize(("error", "outcome"), ENDS)
def test_the_native_pool_on_asyncio_tells_how_its_jobs_ended(error: Exception | None, outcome: Outcome) -> None:
    limit = Recorded()

    async def main() -> None:
        async with threads.open_native_pool(
            size=1, max_queue=None, queue_timeout=None, run_timeout=None, limit=limit
        ) as pool:
            with suppress(TimeoutError, KeyError):
                await (pool.run(int, kind="") if error is None else pool.run(fail, error, kind=""))
            while not limit.samples:  # the thread tells a little later than its job ends
                await asyncio.sleep(0)

    asyncio.run(main())
    (sample,) = limit.samples
    assert sample.outcome is outcome
    assert 0 < sample.loop_delay <= sample.served
