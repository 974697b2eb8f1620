"""The queue fills: ten users ask for a report within a second, and two reports can be made at a time."""

from __future__ import annotations

import pytest
import trio

from trio_lab import Bulkhead
from trio_lab.testing import Arrivals, Callers, Depth, Service


async def test_the_queue_fills_to_its_bound_and_the_rest_is_refused_at_once(autojump_clock: object) -> None:
    reports = Bulkhead("reports", capacity=2, max_waiting=3)
    make_report = Service(2.0)

    async def handle() -> None:
        async with reports.place():
            await make_report()

    users, depth = Callers(handle), Depth(reports)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(depth.watch)
        await users.come(Arrivals(kind="constant", rate=10.0), seconds=1.0)
        nursery.cancel_scope.cancel()

    # Two are served at once, three wait. The queue is full when the fifth user has come, and stays within its bound.
    assert depth.first(3) == pytest.approx(0.4)
    assert depth.most == 3

    # The other five are not kept waiting for a refusal.
    refused = [attempt for attempt in users.attempts if attempt.outcome == "refused"]
    assert [attempt.asked for attempt in refused] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])
    assert {attempt.waited for attempt in refused} == {0.0}

    # Those who waited are served in the order in which they came, a pair every two seconds.
    served = [attempt.ended for attempt in users.attempts if attempt.outcome == "served"]
    assert served == pytest.approx([2.0, 2.1, 4.0, 4.1, 6.0])
    assert reports.statistics().utilization == pytest.approx(1.0 - (0.1 + 1.9) / 12.0)


async def test_a_wait_that_takes_too_long_ends_in_a_refusal_too(autojump_clock: object) -> None:
    reports = Bulkhead("reports", capacity=1, queue_timeout=1.5)
    make_report = Service(1.0)

    async def handle() -> None:
        async with reports.place():
            await make_report()

    users = Callers(handle)
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(users.call)

    # One is served at once and one after a second; the others would have to wait for two seconds and more.
    assert [(attempt.outcome, attempt.ended) for attempt in users.attempts] == [
        ("served", 1.0),
        ("refused", 1.5),
        ("refused", 1.5),
        ("served", 2.0),
    ]
