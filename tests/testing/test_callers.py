"""What a rehearsal is made of: callers that lose their patience and come again, a service, and an observer of the queue."""

from __future__ import annotations

import pytest
import trio

from trio_lab.errors import QueueFull, RunTimeout
from trio_lab.testing import Arrivals, Callers, Depth, Service, Times, Unnoticed


def ends(callers: Callers) -> list[tuple[str, float, float, int]]:
    return [(one.outcome, one.asked, one.ended, one.before) for one in callers.attempts]


async def test_they_come_at_their_moments_whatever_becomes_of_the_others(autojump_clock: object) -> None:
    callers = Callers(Service(10.0))
    await callers.come(Arrivals(kind="constant", rate=2.0), seconds=1.5)
    assert ends(callers) == [("served", 0.0, 10.0, 0), ("served", 0.5, 10.5, 0), ("served", 1.0, 11.0, 0)]
    assert (callers.count(), callers.count("served", since=10.5), callers.count("served", until=10.5)) == (3, 2, 1)


async def test_one_that_leaves_comes_again_after_growing_pauses(autojump_clock: object) -> None:
    callers = Callers(Service(10.0), patience=1.0, retries=2, pause=2.0, backoff=3.0)
    await callers.call()
    assert ends(callers) == [("left", 0.0, 1.0, 0), ("left", 3.0, 4.0, 1), ("left", 10.0, 11.0, 2)]
    assert callers.attempts[0].waited == 1.0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(QueueFull("queue"), "refused"), (RunTimeout("it took long"), "failed"), (trio.TooSlowError(), "failed")],
)
async def test_errors_of_load_are_outcomes(error: Exception, outcome: str, autojump_clock: object) -> None:
    async def ask() -> None:
        await trio.sleep(1.0)
        raise error

    callers = Callers(ask)
    await callers.call()
    assert ends(callers) == [(outcome, 0.0, 1.0, 0)]


async def test_other_errors_end_the_test(autojump_clock: object) -> None:
    async def ask() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Callers(ask).call()


async def test_the_same_seed_draws_the_same(autojump_clock: object) -> None:
    async def moments(seed: int) -> list[float]:
        began = trio.current_time()
        callers = Callers(
            Service(Times(kind="exponential", mean=1.0)), patience=Times(kind="lognormal", mean=1.0), seed=seed
        )
        await callers.come(Arrivals(rate=20.0), seconds=2.0)
        return sorted(round(one.ended - began, 6) for one in callers.attempts)

    assert await moments(1) == await moments(1) != await moments(2)


async def test_a_service_may_be_slow_or_dead(autojump_clock: object) -> None:
    service = Service(1.0)
    service.slowness = 3.0
    await service()
    assert trio.current_time() == 3.0
    service.slowness = float("inf")
    with trio.move_on_after(100.0) as scope:
        await service()
    assert scope.cancelled_caught
    assert service.running == 0


async def test_work_goes_on_if_nobody_notices_that_its_caller_has_left(autojump_clock: object) -> None:
    service = Service(5.0)
    async with trio.open_nursery() as nursery:
        callers = Callers(Unnoticed(nursery, service), patience=1.0)
        await callers.call()
        assert (callers.count("left"), service.running) == (1, 1)
    assert (trio.current_time(), service.running) == (5.0, 0)


async def test_an_unnoticed_error_reaches_the_caller_that_is_there(autojump_clock: object) -> None:
    async def refuse() -> None:
        raise QueueFull("queue")

    async with trio.open_nursery() as nursery:
        with pytest.raises(QueueFull):
            await Unnoticed(nursery, refuse)()


class Queue:
    waiting = 0


async def test_depth_is_looked_at_when_a_moment_is_over(autojump_clock: object) -> None:
    queue = Queue()
    depth = Depth(queue, period=1.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(depth.watch)
        for waiting in (1, 3, 2):
            await trio.sleep(1.0)
            queue.waiting = 9
            await trio.lowlevel.checkpoint()
            queue.waiting = waiting
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    assert depth.seen == [(0.0, 0), (1.0, 1), (2.0, 3), (3.0, 2)]
    assert (depth.most, depth.first(2), depth.first(4)) == (3, 2.0, None)
