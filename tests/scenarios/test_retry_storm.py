"""A retry storm: five seconds of overload, and callers that try again. Does the service come back when the load has gone?

A failure that lasts longer than its cause is called metastable (Bronson and others, HotOS 2021). Here the retries keep it up:
a caller that is not served in time makes five requests instead of one.
"""

from __future__ import annotations

from random import Random

import pytest
import trio

from trio_lab import Bulkhead, ByPatience
from trio_lab.testing import Arrivals, Callers, Service, Unnoticed

CAPACITY = 10.0  # a second: two places, a fifth of a second each
CALM = Arrivals(rate=0.6 * CAPACITY)
STORM = Arrivals(rate=3 * CAPACITY)


async def storm_at(bulkhead: Bulkhead, *, notices: bool) -> Callers:
    """Forty seconds of 0.6 of the capacity; from the fifth second on, for five, three times the capacity on top of it."""
    work = Service(2 / CAPACITY)

    async def handle() -> None:
        async with bulkhead.place():
            await work()

    async with trio.open_nursery() as server:
        callers = Callers(handle if notices else Unnoticed(server, handle), patience=1.0, retries=4, pause=0.5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(callers.come, CALM, 40.0)
            await trio.sleep(5.0)
            nursery.start_soon(callers.come, STORM, 5.0)
        server.cancel_scope.cancel()
    return callers


async def test_without_protection_it_stays_down_after_the_load_has_gone(autojump_clock: object) -> None:
    unbounded = Bulkhead("server", capacity=2, discipline="fifo")
    callers = await storm_at(unbounded, notices=False)

    assert callers.count("served", until=5.0) == callers.count(until=5.0) == 33  # all is well before the storm
    # The queue has become longer than callers wait. From the tenth second on there is only the load of before, but each caller
    # leaves and comes again four times, so the queue stays long. The server works all the time, and each answer is too late.
    assert callers.count("served", since=10.0) == 0
    assert callers.count("left", since=30.0, until=40.0) == 297


async def test_with_the_default_it_recovers_when_the_storm_has_gone(autojump_clock: object) -> None:
    protected = Bulkhead("server", capacity=2, max_waiting=200, discipline=ByPatience(random=Random(1).random))
    callers = await storm_at(protected, notices=True)

    # During the storm, and while its callers try again, nearly all of its capacity goes into answers that are in time.
    assert callers.count("served", since=5.0, until=10.0) == 48
    assert callers.count("served", since=10.0, until=20.0) == 100
    # After that nobody leaves any more.
    assert max(attempt.ended for attempt in callers.attempts if attempt.outcome == "left") == pytest.approx(
        19.31, abs=0.01
    )
    assert callers.count("served", since=20.0) == callers.count(since=20.0) == 131
