"""Unit: what only the bulkhead on Trio has; and many tasks at once, on whom no place is ever lost."""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from trio_lab.admission.bulkhead import BehindBulkhead
from trio_lab.admission.on_trio import Bulkhead
from trio_lab.errors import Overloaded

from .test_gate import is_balanced


async def test_a_place_without_waiting() -> None:
    b = Bulkhead("test", capacity=1, max_waiting=5)
    place = b.enter_nowait(kind="hash", priority=3)
    assert (place.kind, place.priority) == ("hash", 3)
    with pytest.raises(trio.WouldBlock):
        b.enter_nowait()
    b.leave(place)
    plain = b.enter_nowait()
    assert (plain.kind, plain.priority) == ("", 0)
    b.leave(plain)
    assert b.kinds() == ["", "hash"]
    b.close()
    with pytest.raises(trio.ClosedResourceError, match="test is closed"):
        b.enter_nowait()


async def test_nobody_overtakes_those_that_wait(mock_clock) -> None:
    b = Bulkhead("test", capacity=1)
    place = b.enter_nowait()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(b.enter)
        await wait_all_tasks_blocked()
        b.leave(place)  # to the task, which has yet to run
        with pytest.raises(trio.WouldBlock):
            b.enter_nowait()


async def test_entering_is_a_checkpoint() -> None:
    b = Bulkhead("test", capacity=1)
    with assert_checkpoints():
        await b.enter()
    with trio.CancelScope() as scope:
        scope.cancel()
        await b.enter()
    assert scope.cancelled_caught
    assert b.statistics().arrivals == 1


async def test_a_pool_behind_a_bulkhead_tells_what_its_bulkhead_tells() -> None:
    class Pool(BehindBulkhead):
        def __init__(self, b: Bulkhead) -> None:
            self._bulkhead = b

    b = Bulkhead("test", capacity=1)
    pool = Pool(b)
    await b.enter(kind="hash")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(b.enter)
        await wait_all_tasks_blocked()
        assert (pool.busy, pool.waiting, pool.kinds()) == (1, 1, ["", "hash"])
        assert [pool.statistics(kind).arrivals for kind in (None, "hash", "")] == [2, 1, 1]
        nursery.cancel_scope.cancel()


def test_repr_tells_the_state() -> None:
    async def look() -> str:
        b = Bulkhead("test", capacity=2, max_waiting=16)
        await b.enter()
        return repr(b)

    assert trio.run(look) == "<Bulkhead test 1/2 busy, 0/16 queued>"


def test_nowait_under_no_loop_says_which_one_it_needs() -> None:
    with pytest.raises(RuntimeError, match="the bulkhead test needs a Trio loop; none runs in this thread"):
        Bulkhead("test", capacity=1).enter_nowait()


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_whatever_happens(seed: int, autojump_clock) -> None:
    """Customers come, wait, give up, are cancelled and are served at random, while the size changes."""
    chance = random.Random(seed)
    b = Bulkhead("test", capacity=3, max_waiting=10, queue_timeout=4.0)

    async def customer() -> None:
        await trio.sleep(chance.uniform(0, 30))
        with trio.move_on_after(chance.choice([0.0, 1.0, 100.0, 100.0])):
            try:
                async with b.place():
                    await trio.sleep(chance.uniform(1, 5))
            except Overloaded:
                pass

    async def resizer() -> None:
        for _ in range(20):
            await trio.sleep(3)
            b.resize(chance.randrange(1, 6))
            assert is_balanced(b.statistics())
            assert b.waiting <= 10

    async with trio.open_nursery() as nursery:
        nursery.start_soon(resizer)
        for _ in range(200):
            nursery.start_soon(customer)
    s = b.statistics()
    assert (s.in_service, s.waiting) == (0, 0)
    assert is_balanced(s)
    assert s.timed_out > 0
    assert s.cancelled > 0
