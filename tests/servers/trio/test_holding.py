"""In this process: requests that are held before a protocol is made, with real sockets and a bulkhead as the pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.servers.one_place import ASKED, WORK, OnePlace
from trio_lab.admission.deadline import DEADLINE, Deadline
from trio_lab.admission.on_trio import Bulkhead
from trio_lab.asgi.policy import AdmissionPolicy
from trio_lab.config import Config
from trio_lab.http.connections import LiveConnections, Settings
from trio_lab.http.listening import listen
from trio_lab.servers.trio.accepting import serve_app

OTHER = b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"


class Serving:
    """The app is served, and its one place is taken."""

    def __init__(
        self,
        *,
        max_waiting: int = 9,
        queue_timeout: float | None = None,
        grace: float = 60.0,
        keep_alive: float = 5.0,
        policy: AdmissionPolicy | None = None,
    ) -> None:
        self.bulkhead = Bulkhead(
            "pool", capacity=1, max_waiting=max_waiting, queue_timeout=queue_timeout, discipline="fifo"
        )
        self.app = OnePlace(self.bulkhead, policy, now=trio.current_time)
        self.stop = trio.Event()
        self.listener = listen(Config(port=0))
        self._settings = Settings(Config(grace=grace, keep_alive=keep_alive))

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self.place = await self.bulkhead.enter()
        holding = self.app.holding(self._settings)
        serve = partial(serve_app, self.app, self._settings, self.listener, live=LiveConnections(), stop=self.stop)
        with self.listener:
            await serve(holding=holding, task_status=task_status)

    async def connect(self, data: bytes = b"") -> trio.SocketStream:
        stream = await trio.open_tcp_stream(*self.listener.getsockname())
        await stream.send_all(data)
        return stream

    async def until_waiting(self, number: int) -> None:
        while self.bulkhead.waiting != number:
            await trio.lowlevel.checkpoint()

    def leave(self) -> None:
        self.bulkhead.leave(self.place)

    @property
    def admitted(self) -> dict[str, int | None]:
        """How many requests of each class the admission has inside."""
        assert self.app.admission is not None
        queue = self.app.admission.queues[0]
        found = {kind: queue.statistics(kind) for kind in queue.kinds()}
        return {kind: one.arrivals - one.completions - one.cancelled for kind, one in found.items()}  # type: ignore[operator]


@asynccontextmanager
async def served(
    *,
    max_waiting: int = 9,
    queue_timeout: float | None = None,
    keep_alive: float = 5.0,
    policy: AdmissionPolicy | None = None,
) -> AsyncIterator[Serving]:
    serving = Serving(max_waiting=max_waiting, queue_timeout=queue_timeout, keep_alive=keep_alive, policy=policy)
    async with trio.open_nursery() as nursery:
        await nursery.start(serving.run)
        yield serving
        serving.stop.set()


async def received(client: trio.SocketStream, until: bytes) -> bytes:
    data = b""
    while not data.endswith(until):
        piece = await client.receive_some()
        assert piece, data
        data += piece
    return data


async def test_a_request_that_would_wait_is_held_until_its_job_is_done() -> None:
    async with served() as serving, await serving.connect(ASKED) as client:
        await serving.until_waiting(1)
        await wait_all_tasks_blocked()
        assert (serving.app.seen, serving.app.labels) == ([], [])
        serving.leave()
        await received(client, b"\r\n\r\ndone")
        assert (serving.app.seen, serving.app.labels) == ([True], ["GET /work"])
        await client.send_all(ASKED)
        await received(client, b"not held")  # it need not wait
        assert serving.bulkhead.statistics().arrivals == 2  # the test's own, and one


async def test_its_task_does_not_begin_in_the_context_of_the_request_that_gave_the_place_back() -> None:
    async with served() as serving, await serving.connect(ASKED) as client:
        await serving.until_waiting(1)
        token = DEADLINE.set(Deadline(trio.current_time()))  # this test's task is in such a request
        serving.leave()
        DEADLINE.reset(token)
        await received(client, b"\r\n\r\ndone")
        serving.place = await serving.bulkhead.enter()
        await client.send_all(ASKED)
        with trio.fail_after(20):
            await serving.until_waiting(1)  # it is not over at once


async def test_a_later_request_on_the_same_connection_is_held_too() -> None:
    async with served() as serving, await serving.connect(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n") as client:
        await received(client, b"not held")
        await client.send_all(ASKED)
        await serving.until_waiting(1)
        await wait_all_tasks_blocked()
        assert serving.app.seen == [False]
        serving.leave()
        await received(client, b"\r\n\r\ndone")


@pytest.mark.parametrize("before", [b"", b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["bare", "with-a-protocol"])
async def test_a_client_that_leaves_frees_its_position_in_the_queue(before: bytes) -> None:
    async with served() as serving:
        client = await serving.connect(before)
        if before:
            await received(client, b"not held")
        await client.send_all(ASKED * 3)  # what follows must not hide its leaving
        await serving.until_waiting(1)
        await client.aclose()
        await serving.until_waiting(0)
        assert serving.bulkhead.statistics().cancelled == 1
        assert serving.app.seen == [False] * bool(before)


async def test_a_place_that_is_given_in_the_pass_in_which_its_caller_leaves_is_not_lost() -> None:
    async with served() as serving:
        clients = [await serving.connect(ASKED), await serving.connect(ASKED)]
        await serving.until_waiting(2)
        clients[0].socket.close()
        serving.leave()  # the first has the place, and is gone
        await received(clients[1], b"\r\n\r\ndone")
        assert serving.bulkhead.in_service == 0
        clients[1].socket.close()


async def test_after_a_refusal_the_connection_goes_on() -> None:
    async with served(max_waiting=0) as serving, await serving.connect(ASKED) as client:
        for _ in range(3):
            reply = await received(client, b"}")
            assert reply.startswith(b"HTTP/1.1 503 ")
            assert b"connection: close" not in reply
            await client.send_all(ASKED)
        await received(client, b"}")
        serving.leave()
        await client.send_all(ASKED)
        await received(client, b"not held")
        assert serving.bulkhead.statistics().rejected == 4
        assert serving.app.seen == [False]
        assert [(route.route, route.statuses) for route in serving.app.requests.totals()] == [("/work", {"503": 4})]
        serving.place = await serving.bulkhead.enter()
        await client.send_all(ASKED)  # refused by a connection that has a protocol now
        await received(client, b"}")


@pytest.mark.parametrize("begun", [b"GET /wo", b"\r\n"])
async def test_a_connection_is_idle_after_a_refusal_although_a_part_of_a_head_came_with_it(begun: bytes) -> None:
    async with served(max_waiting=0, keep_alive=0.1) as serving, await serving.connect(OTHER) as client:
        await received(client, b"not held")
        await client.send_all(ASKED + begun)
        with trio.fail_after(30):
            reply = b""
            while piece := await client.receive_some():
                reply += piece
        assert reply.startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("before", [b"", OTHER], ids=["bare", "with-a-protocol"])
async def test_a_client_that_wants_no_more_is_closed_after_its_refusal(before: bytes) -> None:
    async with served(max_waiting=0) as serving:
        client = await serving.connect(before)
        if before:
            await received(client, b"not held")
        await client.send_all(WORK % b"Connection: close\r\n" + ASKED)
        reply = b""
        while piece := await client.receive_some():
            reply += piece
        assert reply.count(b"HTTP/1.1 503") == reply.count(b"HTTP/1.1") == reply.count(b"connection: close") == 1
        await client.aclose()


async def test_refusals_that_were_asked_for_together_let_others_run_between_them() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with served(max_waiting=0) as serving, trio.open_nursery() as nursery:
        nursery.start_soon(count)
        async with await serving.connect(ASKED * 100) as client:
            replies = b""
            while replies.count(b"}") < 100:
                replies += await client.receive_some()
        nursery.cancel_scope.cancel()
    assert turns >= 99  # between two of them


async def test_what_is_pipelined_behind_a_held_request_is_answered_after_it() -> None:
    async with served() as serving, await serving.connect(ASKED * 2) as client:
        await serving.until_waiting(1)
        await wait_all_tasks_blocked()
        assert serving.bulkhead.waiting == 1  # one after the other
        serving.leave()
        replies = await received(client, b"not held")
        assert replies.index(b"\r\n\r\ndone") < replies.index(b"not held")


async def test_a_half_closed_client_gets_the_whole_reply_once() -> None:
    async with served() as serving, await serving.connect(ASKED) as client:
        await client.send_eof()
        await serving.until_waiting(1)
        assert await client.receive_some() == b"HTTP/1.1 "
        serving.leave()
        reply = b""
        while piece := await client.receive_some():
            reply += piece
        assert reply.startswith(b"200 \r\n")
        assert reply.endswith(b"\r\n\r\ndone")


async def test_a_half_closed_client_is_refused_once() -> None:
    async with served(queue_timeout=0.03) as serving, await serving.connect(ASKED) as client:
        await client.send_eof()
        reply = await received(client, b"}")
        assert reply.startswith(b"HTTP/1.1 503 \r\n")
        assert reply.count(b"HTTP/1.1") == 1
        assert serving.bulkhead.statistics().timed_out == 1


@pytest.mark.parametrize("queue_timeout", [0.0, 0.01, 7.0])
async def test_a_held_request_is_refused_when_its_wait_is_over_and_not_later(
    mock_clock: trio.testing.MockClock, queue_timeout: float
) -> None:
    async with served(queue_timeout=queue_timeout) as serving:
        async with await serving.connect(ASKED) as client, await serving.connect(ASKED) as other:
            while serving.bulkhead.statistics().arrivals != 3:  # the test's own, and two
                await trio.lowlevel.checkpoint()
            mock_clock.jump(queue_timeout * 1.1)
            await wait_all_tasks_blocked()
            assert serving.bulkhead.statistics().timed_out == 2
            for refused in (client, other):
                assert (await received(refused, b"}")).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("line", [b"Content-Length: 0\r\n", b"Expect: 100-continue\r\n"])
async def test_what_is_out_of_the_ordinary_is_not_held(line: bytes) -> None:
    async with served(max_waiting=0) as serving, await serving.connect(WORK % line) as client:
        await received(client, b"not held")
    assert serving.app.seen == [False]


async def test_a_head_in_two_pieces_is_not_held() -> None:
    async with served(max_waiting=0) as serving, await serving.connect(ASKED[:10]) as client:
        await wait_all_tasks_blocked()
        await client.send_all(ASKED[10:])
        await received(client, b"not held")


async def test_held_requests_are_served_in_the_grace_period_and_not_one_more() -> None:
    async with served() as serving, await serving.connect(ASKED) as client:
        await serving.until_waiting(1)
        serving.stop.set()
        await wait_all_tasks_blocked()
        serving.leave()
        reply = await received(client, b"\r\n\r\ndone")
        assert b"connection: close" in reply
        assert await client.receive_some() == b""


async def test_held_requests_are_told_when_the_grace_period_is_over() -> None:
    serving = Serving(grace=0.0)
    async with trio.open_nursery() as nursery:
        await nursery.start(serving.run)
        client = await serving.connect(ASKED)
        await serving.until_waiting(1)
        serving.stop.set()
        reply = await received(client, b"}")
        assert reply.startswith(b"HTTP/1.1 503 ")
        assert b"connection: close" in reply
        assert reply.endswith(b'{"error":"The server is ending"}')
        await client.aclose()
    assert serving.bulkhead.waiting == 0


@pytest.mark.parametrize("line", [b"X-Request-Deadline: 30ms\r\n", b"grpc-timeout: 30m\r\n"])
async def test_a_held_request_waits_no_longer_than_its_deadline(line: bytes) -> None:
    async with served(policy=AdmissionPolicy()) as serving, await serving.connect(WORK % line) as client:
        assert (await received(client, b"}")).startswith(b"HTTP/1.1 503 ")
        assert serving.bulkhead.statistics().timed_out == 1
        await client.send_all(ASKED)
        await serving.until_waiting(1)  # the next one has no deadline


async def test_the_admission_sees_whose_a_held_request_is_and_of_which_class() -> None:
    scopes: list[Any] = []

    def tenant(scope: Any) -> str:
        scopes.append(scope)
        return "one"

    policy = AdmissionPolicy(tenant=tenant, background=["/work"])
    async with served(policy=policy) as serving, await serving.connect(WORK % b"X-Key: one\r\n") as client:
        await serving.until_waiting(1)
        assert (scopes[0]["path"], scopes[0]["client"]) == ("/work", client.socket.getsockname())
        assert (b"x-key", b"one") in scopes[0]["headers"]
        assert serving.admitted == {"background": 1}
        serving.leave()
        await received(client, b"\r\n\r\ndone")
        assert serving.admitted == {"background": 0}


async def test_a_held_request_comes_to_the_admission_once_and_its_deadline_stays() -> None:
    async with served(policy=AdmissionPolicy()) as serving:
        client = await serving.connect(WORK % b"X-Request-Deadline: 100s\r\n")
        await serving.until_waiting(1)
        latest = trio.current_time() + 100
        serving.leave()
        await received(client, b"\r\n\r\ndone")
        [deadline] = serving.app.deadlines
        assert deadline is not None
        assert deadline.at <= latest
        admission = serving.app.admission.queues[0].statistics()
        assert (admission.arrivals, admission.completions) == (1, 1)
        await client.aclose()


async def test_a_request_for_which_the_admission_has_no_place_is_not_held() -> None:
    policy = AdmissionPolicy(limit=1)
    async with served(policy=policy) as serving, await serving.connect(ASKED) as first:
        await serving.until_waiting(1)
        async with await serving.connect(ASKED) as second:
            await received(second, b"not held")
        assert serving.admitted == {"normal": 1}
        first.socket.close()
        await serving.until_waiting(0)
        await wait_all_tasks_blocked()
        assert serving.admitted == {"normal": 0}  # one that leaves gives its place back
        assert serving.app.admission.queues[0].statistics().cancelled == 1
