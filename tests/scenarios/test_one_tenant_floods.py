"""One tenant floods: it asks for five times the capacity, beside one that asks for a twentieth of it."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest
import trio

from trio_lab import Bulkhead
from trio_lab.admission.choice import chosen
from trio_lab.testing import Arrivals, Callers, Service

CAPACITY = 20.0  # a second: two places, a tenth of a second each


async def tenants_at(bulkhead: Bulkhead) -> tuple[Callers, Callers]:
    """Eleven seconds of both. A tenant is a kind of callers here."""
    work = Service(0.1)

    async def handle(tenant: str) -> None:
        async with bulkhead.place(kind=tenant):
            await work()

    small = Callers(partial(handle, "small"), patience=5.0)
    large = Callers(partial(handle, "large"), patience=5.0, seed=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(large.come, Arrivals(rate=5 * CAPACITY), 11.0)
        await trio.sleep(1.0)
        nursery.start_soon(small.come, Arrivals(kind="constant", rate=CAPACITY / 20), 10.0)
    return small, large


async def test_in_one_line_the_small_tenant_waits_for_the_large_one(autojump_clock: object) -> None:
    small, _ = await tenants_at(Bulkhead("api", capacity=2, discipline="fifo"))

    assert small.count() == 10
    assert small.count("served") == 1  # the first, which came when the line was short


async def test_in_turns_it_waits_for_one_request_of_the_other(autojump_clock: object) -> None:
    small, large = await tenants_at(Bulkhead("api", capacity=2, discipline=chosen("fair", Random(1).random)))

    assert small.count("served") == 10
    assert max(attempt.waited for attempt in small.attempts) == pytest.approx(0.176, abs=0.001)
    # The large tenant has the rest.
    assert large.count("served", until=11.0) == 205  # and ten of the small one: 215 of 220 that were possible
