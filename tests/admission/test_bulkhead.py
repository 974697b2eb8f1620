"""Unit: the bulkhead under a mock clock. Who is admitted, who is refused, and that no place is ever lost."""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_lab.admission.on_trio import Bulkhead
from trio_lab.errors import Overloaded, QueueFull, QueueTimeout


def bulkhead(**limits: object) -> Bulkhead:
    return Bulkhead("test", **({"capacity": 1} | limits))  # type: ignore[arg-type]


def balanced(b: Bulkhead) -> bool:
    s = b.statistics()
    ended = s.completions + s.rejected + s.timed_out + s.cancelled
    return s.arrivals == ended + s.in_service + s.waiting


async def test_a_free_place_is_given_at_once() -> None:
    b = bulkhead()
    async with b.place() as place:
        assert place.waited == 0.0
        assert b.in_service == 1
    assert b.in_service == 0
    assert b.statistics().completions == 1


async def test_full_queue_refuses_without_waiting(mock_clock) -> None:
    b = bulkhead(max_waiting=0)
    await b.enter()
    with pytest.raises(QueueFull) as refusal:
        await b.enter()  # under a mock clock that stands still a wait would hang
    assert refusal.value.queue == "test"
    assert b.statistics().rejected == 1
    assert balanced(b)


async def test_first_come_first_served(autojump_clock) -> None:
    b = bulkhead()
    served: list[int] = []

    async def customer(n: int) -> None:
        await trio.sleep(n)
        async with b.place():
            served.append(n)
            await trio.sleep(10)

    async with trio.open_nursery() as nursery:
        for n in range(5):
            nursery.start_soon(customer, n)
    assert served == [0, 1, 2, 3, 4]


async def test_queue_timeout_is_refused_after_waiting(autojump_clock) -> None:
    b = bulkhead(queue_timeout=3.0)
    await b.enter()
    begun = trio.current_time()
    with pytest.raises(QueueTimeout):
        await b.enter()
    assert trio.current_time() - begun == pytest.approx(3.0)
    assert b.statistics().timed_out == 1
    assert b.waiting == 0
    assert balanced(b)


async def test_one_call_may_have_its_own_queue_timeout(autojump_clock) -> None:
    b = bulkhead(queue_timeout=100.0)
    await b.enter()
    with trio.fail_after(2), pytest.raises(QueueTimeout):
        await b.enter(queue_timeout=1.0)


async def test_a_place_is_never_given_after_the_deadline(mock_clock) -> None:
    b = bulkhead(queue_timeout=1.0)
    place = await b.enter()
    refused = trio.Event()

    async def late() -> None:
        with pytest.raises(QueueTimeout):
            await b.enter()
        refused.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(late)
        await wait_all_tasks_blocked()
        mock_clock.jump(2.0)  # the loop was blocked: the waiter's own timer could not run
        b.leave(place)
        assert b.in_service == 0
        await refused.wait()
    assert b.statistics().timed_out == 1
    assert balanced(b)


async def test_cancelled_while_queued_frees_its_slot_at_once(mock_clock) -> None:
    b = bulkhead(max_waiting=1)
    await b.enter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(b.enter)
        await wait_all_tasks_blocked()
        with pytest.raises(QueueFull):
            await b.enter()
        nursery.cancel_scope.cancel()
    assert b.waiting == 0
    assert b.statistics().cancelled == 1
    assert balanced(b)
    with pytest.raises(trio.WouldBlock):
        b.enter_nowait()  # there is room to wait again


async def test_cancelled_in_service_gives_the_place_to_the_next(autojump_clock) -> None:
    b = bulkhead()

    async def first() -> None:
        async with b.place():
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    with trio.fail_after(1):
        await b.enter()


async def test_a_place_given_to_a_task_that_is_then_cancelled_comes_back(mock_clock) -> None:
    b = bulkhead()
    place = await b.enter()
    async with trio.open_nursery() as nursery:

        async def waiter() -> None:
            async with b.place():
                await trio.sleep_forever()

        nursery.start_soon(waiter)
        await wait_all_tasks_blocked()
        b.leave(place)  # hands the place over …
        nursery.cancel_scope.cancel()  # … and the receiver is cancelled before it ran
    assert b.in_service == 0
    assert balanced(b)


async def test_growing_admits_who_waits_and_shrinking_takes_nothing_away(mock_clock) -> None:
    b = bulkhead()
    first = await b.enter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(b.enter)
        nursery.start_soon(b.enter)
        await wait_all_tasks_blocked()
        b.resize(3)
    assert b.in_service == 3
    b.resize(1)
    assert b.in_service == 3
    b.leave(first)
    with pytest.raises(trio.WouldBlock):
        b.enter_nowait()


async def test_closing_refuses_who_waits_and_who_comes(mock_clock) -> None:
    b = bulkhead()
    await b.enter()

    async def waiter() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await b.enter()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiter)
        await wait_all_tasks_blocked()
        b.close()
    with pytest.raises(trio.ClosedResourceError):
        await b.enter()
    assert balanced(b)


async def test_utilization_is_the_share_of_place_time_in_use(autojump_clock) -> None:
    b = bulkhead(capacity=2)
    async with b.place():
        await trio.sleep(10)
    await trio.sleep(10)
    assert b.statistics().utilization == pytest.approx(0.25)


async def test_wait_and_service_are_told_apart(autojump_clock) -> None:
    b = bulkhead()

    async def customer() -> None:
        async with b.place():
            await trio.sleep(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(customer)
        nursery.start_soon(customer)
    s = b.statistics()
    assert s.wait.max == pytest.approx(2.0, rel=0.01)
    assert s.service.max == pytest.approx(2.0, rel=0.01)


async def test_entering_is_a_checkpoint() -> None:
    b = bulkhead()
    with trio.testing.assert_checkpoints():
        await b.enter()
    with trio.CancelScope() as scope:
        scope.cancel()
        await b.enter()
    assert scope.cancelled_caught
    assert b.statistics().arrivals == 1


def test_repr_tells_the_state() -> None:
    async def look() -> str:
        b = bulkhead(capacity=2, max_waiting=16)
        await b.enter()
        return repr(b)

    assert trio.run(look) == "<Bulkhead test 1/2 busy, 0/16 queued>"


@pytest.mark.parametrize("seed", range(20))
async def test_no_place_is_lost_whatever_happens(seed: int, autojump_clock) -> None:
    """Customers come, wait, give up, are cancelled and are served at random, while the size changes."""
    chance = random.Random(seed)
    b = bulkhead(capacity=3, max_waiting=10, queue_timeout=4.0)

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
            assert balanced(b)
            assert b.waiting <= 10

    async with trio.open_nursery() as nursery:
        nursery.start_soon(resizer)
        for _ in range(200):
            nursery.start_soon(customer)
    s = b.statistics()
    assert (s.in_service, s.waiting) == (0, 0)
    assert balanced(b)
    assert s.timed_out > 0
    assert s.cancelled > 0
