"""Clients that leave and retry, against real servers: every try is counted once, and the tries of a request add up."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import closing
from typing import Any

import pytest
import trio
from ledger import assert_consistent
from scripted_server import read_request, reply, replying, serving, silent, slamming

from trio_lab.load.generator import run_load
from trio_lab.load.patience import Patience
from trio_lab.load.plan import LoadPlan
from trio_lab.load.poller import Poller
from trio_lab.load.results import LoadRun
from trio_lab.load.retry import Retry
from trio_lab.load.returning import OpenReturningClients
from trio_lab.load.target import targets_of
from trio_lab.records.load import Retries

BUSY = reply(status=503)
workloads = pytest.mark.parametrize("rate", [None, 100.0], ids=["closed", "open"])


async def run(url: str, **options: Any) -> LoadRun:
    plan = {"connections": 3, "duration": 0.2} | options
    found = await run_load(LoadPlan(url=url, **plan))
    assert_consistent(found)
    return found


@pytest.mark.parametrize("refusal", [BUSY, reply(status=429), reply(status=500)], ids=["503", "429", "500"])
async def test_what_failed_twice_and_then_succeeds_is_one_request_of_three_tries(refusal: bytes) -> None:
    async with serving(replying(refusal, refusal, reply())) as url:
        found = await run(url, connections=1, retry=Retry(most=2))
    counts, again = found.result.requests, found.result.retries
    assert again is not None
    assert counts.ok > 5
    assert 2 * counts.ok <= again.retries <= 2 * counts.ok + 2  # the end may cut the last one short
    assert again.failed <= 1


@workloads
async def test_the_last_try_ends_a_request_and_the_next_one_begins(rate: float | None) -> None:
    async with serving(replying(BUSY)) as url:
        found = await run(url, connections=1, rate=rate, retry=Retry(most=3))
    counts, again = found.result.requests, found.result.retries
    assert again is not None
    assert again.failed == counts.sent - again.retries
    assert again.failed < again.retries <= 3 * again.failed
    assert rate or again.retries >= 3 * (again.failed - 1)
    assert counts.shed == counts.sent > 8


@workloads
@pytest.mark.parametrize(
    ("script", "timeout", "kind"), [(silent, 0.02, "timed_out"), (slamming, 5.0, "errors")], ids=["silent", "slams"]
)
async def test_a_request_without_a_reply_is_sent_again(
    rate: float | None, script: Any, timeout: float, kind: str
) -> None:
    async with serving(script) as url:
        found = await run(url, connections=1, rate=rate, timeout=timeout, retry=Retry(most=1000))
    counts, again = found.result.requests, found.result.retries
    assert again is not None
    assert again.retries >= 2
    assert getattr(counts, kind) == counts.sent
    assert counts.sent < 1000  # a server that slams is no busy loop, which sends some thousands


@workloads
async def test_a_bad_request_is_not_sent_again(rate: float | None) -> None:
    async with serving(replying(reply(status=404))) as url:
        found = await run(url, rate=rate, retry=Retry(most=5))
    counts = found.result.requests
    assert found.result.retries == Retries(retries=0, failed=counts.sent, denied=0)


@workloads
async def test_a_retry_that_would_come_after_the_end_is_not_sent(rate: float | None) -> None:
    async with serving(replying(BUSY)) as url:
        found = await run(url, rate=rate, retry=Retry(most=9, first=30.0))
    assert found.result.retries == Retries(retries=0, failed=found.result.requests.sent, denied=0)


async def test_a_budget_bounds_all_retries_together() -> None:
    async with serving(replying(BUSY)) as url:
        found = await run(url, retry=Retry(most=5, budget=0.05))
    again = found.result.retries
    assert again is not None
    first = found.result.requests.sent - again.retries
    assert again.retries <= 10 + 0.05 * first + 1
    assert again.denied > 0


@workloads
async def test_a_retry_is_for_the_same_url(rate: float | None) -> None:
    heads: Counter[bytes] = Counter()

    async def script(stream: trio.abc.Stream) -> None:
        while head := await read_request(stream):
            path = head.split(b" ")[1]
            heads[path] += 1
            await stream.send_all(BUSY if path == b"/bad" else reply())

    async with serving(script) as url:
        found = await run(
            f"{url}good", others=((f"{url}bad", 1),), connections=1, rate=rate, retry=Retry(most=3), duration=0.3
        )
    assert heads[b"/bad"] > 2 * heads[b"/good"]
    assert found.result.urls is not None
    assert found.result.urls[1].requests.sent == heads[b"/bad"]


def test_a_retry_that_is_dropped_counts_for_its_own_url() -> None:
    """Four requests that are due, to /a, /a, /b and /a, and three retries to /b; none of them is ever sent."""
    here = "http://127.0.0.1:1/"
    plan = LoadPlan(
        url=f"{here}a", weight=3, others=((f"{here}b", 1),), connections=1, rate=10.0, duration=0.4, retry=Retry(most=9)
    )
    with closing(Poller()) as poller:
        clients = OpenReturningClients(plan, targets_of(plan), (socket.AF_INET, ("127.0.0.1", 1)), poller)
        clients.start(100.0)
        assert clients.parts is not None
        [connection] = clients._connections
        _, _, connection.tally, _ = (clients.parts.next(100.0) for _ in range(4))
        for at in (100.05, 100.15, 100.25):
            clients._returns.put(at, connection)
        clients.abandon(101.0)
    assert [part.requests.dropped for part in clients.parts.of_urls("ab") or ()] == [3, 4]


@pytest.mark.parametrize("workload", [{}, {"requests": 40, "duration": None}], ids=["closed", "counted"])
async def test_clients_of_several_kinds_leave_each_at_its_time(workload: dict[str, Any]) -> None:
    async with serving(silent) as url:
        kinds = Patience(seconds=(0.02, 30.0))
        found = await run(url, connections=2, timeout=0.2, leave_after=kinds, keep_samples=True, **workload)
    waits = [latency for _, latency in found.result.samples or ()]
    assert min(waits) < 0.2 <= max(waits)
    assert found.result.unserved == 2


async def test_requests_of_an_open_workload_are_of_several_kinds_too() -> None:
    async with serving(silent) as url:
        kinds = Patience(seconds=(0.02, 0.2))
        found = await run(url, connections=50, rate=100.0, leave_after=kinds, keep_samples=True)
    waits = [latency for _, latency in found.result.samples or ()]
    assert len(waits) == 20
    assert min(waits) < 0.2
    assert sum(wait >= 0.2 for wait in waits) >= 10
    assert found.result.unserved is None


async def test_a_drawn_patience_is_drawn_for_each_request() -> None:
    async with serving(silent) as url:
        found = await run(
            url, connections=20, leave_after=Patience(seconds=(0.05,), exponential=True), keep_samples=True
        )
    assert len({round(latency, 3) for _, latency in found.result.samples or ()}) > 5


async def test_clients_without_an_answer_are_told() -> None:
    first: list[trio.SocketStream] = []

    async def first_alone(stream: trio.SocketStream) -> None:
        first.append(stream)
        while await read_request(stream):
            if stream is first[0]:
                await stream.send_all(reply())

    async with serving(first_alone) as url:
        found = await run(url, connections=3, leave_after=0.05)
    assert found.result.unserved == 2


async def test_a_run_without_retries_says_nothing_of_them() -> None:
    async with serving(replying(reply())) as url:
        found = await run(url)
    assert found.result.retries is None
    assert found.result.unserved is None


@workloads
async def test_a_stopped_run_still_adds_up(rate: float | None) -> None:
    stop = trio.Event()
    async with serving(silent) as url:
        plan = LoadPlan(
            url=url, connections=4, duration=60.0, rate=rate, interval=0.05, timeout=0.03, retry=Retry(most=9)
        )
        found = await run_load(plan, on_progress=lambda _: stop.set(), stop=stop)
    assert_consistent(found)
    again = found.result.retries
    assert again is not None
    assert 0 <= again.retries <= found.result.requests.sent
