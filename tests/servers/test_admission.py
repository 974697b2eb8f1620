"""The admission in front of both Python servers: it carries a caller's deadline to the pools (end to end), and never refuses
a request whose job is done (in this process)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.running import running
from tests.waiting import until
from trio_lab.asgi.policy import AdmissionPolicy
from trio_lab.http.pool_job import IN_HAND, Done, Held
from trio_lab.measure.ledger import Ledger
from trio_lab.servers.admission import LabAdmission


@pytest.mark.parametrize("runtime", ["trio", "asyncio"])
def test_a_request_waits_for_a_pool_no_longer_than_its_deadline(runtime: str) -> None:
    with running("--threads", "1", runtime=runtime) as server, ThreadPoolExecutor(1) as clients:
        long = clients.submit(server.exchange, "/wait?ms=1500")
        until(lambda: server.queues()["native_pool"]["in_service"] == 1)
        status, _, body = server.exchange("/wait?ms=1", x_request_deadline="50ms")
        assert (status, b"native_pool had no place in time" in body) == (503, True)
        assert server.queues()["native_pool"]["timed_out"] == 1
        assert server.queues()["admission"]["in_service"] == 1
        assert long.result()[0] == 200


async def test_a_request_whose_job_is_done_is_never_refused() -> None:
    end, served, statuses = trio.Event(), [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        served.append(scope["path"])
        await end.wait()

    async def send(message: Any) -> None:
        statuses.append(message.get("status"))

    async def ask(path: str, **state: Any) -> None:
        await admission({"type": "http", "path": path, "headers": [], "state": state}, trio.sleep_forever, send)

    admission = LabAdmission(app, AdmissionPolicy(limit=1, max_waiting=0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "/first")
        await wait_all_tasks_blocked()
        await ask("/refused")
        done = Held(ledger=Ledger("", now=trio.current_time), done=Done(value=1, took=0.0))
        async with trio.open_nursery() as held:
            for _ in range(3):
                held.start_soon(lambda: ask("/held", **{IN_HAND: done}))
            await wait_all_tasks_blocked()
            end.set()
    assert (served, statuses[0]) == (["/first", *["/held"] * 3], 503)
    assert len(statuses) == 2  # the two messages of the one refusal
    counts = admission.queues[0].statistics()
    assert (counts.arrivals, counts.completions, counts.rejected) == (2, 1, 1)
