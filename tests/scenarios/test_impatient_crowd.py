"""An impatient crowd: three times as many come as can be served, and each leaves after a second."""

from __future__ import annotations

from random import Random

from trio_lab import Bulkhead, ByPatience, Discipline, Fifo, Place
from trio_lab.testing import Arrivals, Callers, Service

CAPACITY = 10.0  # a second: one place, a tenth of a second each


async def crowd_at(discipline: Discipline[Place]) -> tuple[Callers, Bulkhead]:
    """Twenty seconds of it."""
    tills = Bulkhead("tills", capacity=1, discipline=discipline)
    serve = Service(1 / CAPACITY)

    async def handle() -> None:
        async with tills.place():
            await serve()

    crowd = Callers(handle, patience=1.0)
    await crowd.come(Arrivals(rate=3 * CAPACITY), seconds=20.0)
    return crowd, tills


async def test_in_the_order_of_arrival_all_are_served_when_they_are_about_to_leave(autojump_clock: object) -> None:
    crowd, tills = await crowd_at(Fifo())

    # After the first seconds the oldest caller in the line has nearly a second behind it. The place is never idle, and what
    # it does is for callers that leave before the end.
    assert crowd.count("served", since=5.0, until=20.0) == 26  # of 150 that were possible
    assert crowd.count("left", since=5.0, until=20.0) == 421
    assert tills.statistics().utilization > 0.95


async def test_by_default_those_are_served_who_will_be_there(autojump_clock: object) -> None:
    crowd, _ = await crowd_at(ByPatience(random=Random(1).random))

    # It takes a second to learn how long these callers wait. From then on nothing is wasted.
    assert crowd.count("served", until=5.0) == 48
    assert crowd.count("served", since=5.0, until=20.0) == 150 == 15 * CAPACITY
