"""What a service does when too much comes, in virtual time."""

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock
from trio_lab import Bulkhead
from trio_lab.testing import Arrivals, Callers, Depth, Service, repeatable_order


@pytest.fixture(autouse=True)
def order() -> Iterator[None]:
    with repeatable_order():
        yield


class Reports:
    """The service under test: at most two reports at a time, and three callers that wait."""

    def __init__(self, make_report: Service) -> None:
        self.line = Bulkhead("reports", capacity=2, max_waiting=3)
        self.make_report = make_report

    async def get(self) -> None:
        async with self.line.place():
            await self.make_report()


@pytest.mark.trio
async def test_ten_at_once(autojump_clock: MockClock) -> None:
    reports = Reports(Service(2.0))
    users, depth = Callers(reports.get, patience=5.0), Depth(reports.line)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(depth.watch)
        await users.come(Arrivals(kind="constant", rate=10.0), seconds=1.0)
        nursery.cancel_scope.cancel()

    assert depth.most == 3
    assert users.count("refused", until=1.0) == 5  # at once
    assert users.count("served", until=5.0) == 4  # two after two seconds, two after four
    assert users.count("left") == 1  # the last would have had its report after six


@pytest.mark.trio
async def test_a_slow_minute(autojump_clock: MockClock) -> None:
    make_report = Service(0.25)
    users = Callers(Reports(make_report).get, patience=5.0, retries=2, pause=10.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(users.come, Arrivals(kind="constant", rate=3.0), 180.0)
        await trio.sleep(60.1)
        make_report.slowness = 20.0
        await trio.sleep(60.0)
        make_report.slowness = 1.0

    assert users.count("served", until=60.0) == users.count(until=60.0)
    assert users.count("served", since=61.0, until=120.0) == 0
    assert users.count("served", since=150.0) == users.count(since=150.0)  # it has recovered
