"""A slow downstream: for ten seconds a dependency takes a hundred times as long. Half of the requests do not need it."""

from __future__ import annotations

import trio

from trio_lab import Bulkhead
from trio_lab.testing import Arrivals, Callers, Service


def server() -> Bulkhead:
    return Bulkhead("server", capacity=10, max_waiting=20, discipline="fifo")


async def requests_of(places: Bulkhead, dependency: Bulkhead | None) -> tuple[Callers, Callers]:
    """Thirty seconds of requests with and without the dependency, which is slow from the tenth second on, for ten seconds."""
    downstream, local = Service(0.05), Service(0.05)

    async def with_it() -> None:
        if dependency is None:
            async with places.place():
                await downstream()
        else:
            async with dependency.place(), places.place():
                await downstream()

    async def without_it() -> None:
        async with places.place():
            await local()

    needing, others = Callers(with_it, patience=2.0), Callers(without_it, patience=2.0, seed=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(needing.come, Arrivals(rate=20.0), 30.0)
        nursery.start_soon(others.come, Arrivals(rate=20.0), 30.0)
        await trio.sleep(10.0)
        downstream.slowness = 100.0
        await trio.sleep(10.0)
        downstream.slowness = 1.0
    return needing, others


async def test_it_takes_all_places_and_those_fail_that_do_not_need_it(autojump_clock: object) -> None:
    needing, others = await requests_of(server(), None)

    assert others.count("served", until=10.0) == others.count(until=10.0)
    assert (others.count("served", since=10.0, until=20.0), others.count(since=10.0, until=20.0)) == (87, 182)
    assert needing.count("served", since=10.1, until=20.0) == 0


async def test_with_places_of_its_own_it_fails_alone(autojump_clock: object) -> None:
    dependency = Bulkhead("dependency", capacity=6, max_waiting=0)
    needing, others = await requests_of(server(), dependency)

    # All others are served, at once. Those that need the dependency are told so at once, but for the few that hold its places.
    assert others.count() == others.count("served") == 587
    assert max(attempt.waited for attempt in others.attempts) < 0.06
    assert needing.count("refused", since=10.0, until=20.0) == 169
    assert needing.count("left") == 30
    # It serves again as soon as a call is fast again.
    assert needing.count("served", since=22.1) == needing.count(since=22.1) == 156
