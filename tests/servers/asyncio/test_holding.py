"""In this process: requests that are held before a protocol is made, on asyncio. See `tests.servers.trio.test_holding`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.http.sockets import reset
from tests.servers.one_place import ASKED, WORK, OnePlace
from trio_lab.admission.on_asyncio import Bulkhead
from trio_lab.asgi.policy import AdmissionPolicy
from trio_lab.config import Config
from trio_lab.http.connections import LiveConnections, Settings
from trio_lab.http.listening import listen
from trio_lab.servers.asyncio.accepting import serve_app

OTHER = b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE = 30.0


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def received(self, until: bytes) -> bytes:
        return await self.reader.readuntil(until)

    def reset(self) -> None:
        reset(self.writer.get_extra_info("socket")._sock)


class Serving:
    """The app is served, and its one place is taken."""

    def __init__(self, *, max_waiting: int, policy: AdmissionPolicy | None) -> None:
        self.bulkhead = Bulkhead("pool", capacity=1, max_waiting=max_waiting, discipline="fifo")
        self.app = OnePlace(self.bulkhead, policy)
        self.stop, self.ready = asyncio.Event(), asyncio.Event()
        self.live = LiveConnections()
        self.listener = listen(Config(port=0))

    async def run(self) -> None:
        self.place = await self.bulkhead.enter()
        settings = Settings(Config())
        holding = self.app.holding(settings)
        with self.listener:
            await serve_app(
                self.app,
                settings,
                self.listener,
                live=self.live,
                stop=self.stop,
                on_ready=self.ready.set,
                holding=holding,
            )

    async def connect(self, data: bytes) -> Client:
        await self.ready.wait()
        client = Client(*await asyncio.open_connection(*self.listener.getsockname()))
        client.writer.write(data)
        return client

    async def until_waiting(self, number: int) -> None:
        while self.bulkhead.waiting != number:
            await asyncio.sleep(0)

    def leave(self) -> None:
        self.bulkhead.leave(self.place)


def serving(
    test: Callable[[Serving], Coroutine[Any, Any, None]], *, max_waiting: int = 9, policy: AdmissionPolicy | None = None
) -> None:
    async def run() -> None:
        served = Serving(max_waiting=max_waiting, policy=policy)
        async with asyncio.TaskGroup() as group:
            group.create_task(served.run())
            await test(served)
            served.stop.set()

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_a_request_that_would_wait_is_held_until_its_job_is_done() -> None:
    async def test(served: Serving) -> None:
        client = await served.connect(ASKED)
        await served.until_waiting(1)
        assert (served.app.seen, served.app.labels) == ([], [])
        served.leave()
        await client.received(b"\r\n\r\ndone")
        assert served.app.labels == ["GET /work"]
        served.place = await served.bulkhead.enter()
        client.writer.write(ASKED * 2)
        await served.until_waiting(1)
        assert served.app.seen == [True]  # the second is held by a connection that has a protocol
        served.leave()
        await client.received(b"\r\n\r\ndone")
        await client.received(b"not held")
        client.writer.close()

    serving(test)


@pytest.mark.parametrize("before", [b"", OTHER], ids=["bare", "with-a-protocol"])
@pytest.mark.parametrize(
    ("abrupt", "pipelined"),
    [(False, b""), (False, ASKED * 3), (True, b""), (True, ASKED * 3), (True, bytes(400_000))],
    ids=["FIN", "FIN-pipelined", "RST", "RST-pipelined", "RST-flooding"],
)
def test_a_client_that_leaves_frees_its_position_in_the_queue(before: bytes, abrupt: bool, pipelined: bytes) -> None:
    async def test(served: Serving) -> None:
        client = await served.connect(before)
        if before:
            await client.received(b"not held")
        client.writer.write(ASKED)
        await served.until_waiting(1)
        client.writer.write(pipelined)
        if abrupt:
            client.reset()
        else:
            client.writer.transport.close()
        await served.until_waiting(0)
        assert served.bulkhead.statistics().cancelled == 1
        assert served.app.seen == [False] * bool(before)
        client.writer.transport.abort()

    serving(test)


def test_a_place_that_is_given_in_the_pass_in_which_its_caller_leaves_is_not_lost() -> None:
    async def test(served: Serving) -> None:
        clients = [await served.connect(ASKED), await served.connect(ASKED)]
        await served.until_waiting(2)
        clients[0].reset()
        served.leave()  # the first has the place, and is gone
        await clients[1].received(b"\r\n\r\ndone")
        assert served.bulkhead.in_service == 0
        for client in clients:
            client.writer.transport.abort()

    serving(test)


def test_after_a_refusal_the_connection_goes_on() -> None:
    async def test(served: Serving) -> None:
        client = await served.connect(ASKED * 20)
        for _ in range(20):
            assert (await client.received(b"}")).startswith(b"HTTP/1.1 503 ")
        served.leave()
        client.writer.write(ASKED)
        await client.received(b"not held")
        served.place = await served.bulkhead.enter()
        client.writer.write(ASKED + WORK % b"Connection: close\r\n" + ASKED)
        replies = await client.reader.read()
        assert replies.count(b"HTTP/1.1 503") == replies.count(b"HTTP/1.1") >= 1
        client.writer.close()

    serving(test, max_waiting=0)


def test_a_client_that_wants_no_more_is_closed_after_its_refusal() -> None:
    async def test(served: Serving) -> None:
        client = await served.connect(WORK % b"Connection: close\r\n" + ASKED)
        replies = await client.reader.read()
        assert replies.count(b"HTTP/1.1 503") == replies.count(b"HTTP/1.1") == replies.count(b"connection: close") == 1
        client.writer.close()

    serving(test, max_waiting=0)


def test_a_half_closed_client_gets_the_whole_reply_once() -> None:
    async def test(served: Serving) -> None:
        client = await served.connect(ASKED)
        client.writer.write_eof()
        await served.until_waiting(1)
        assert await client.reader.read(9) == b"HTTP/1.1 "
        served.leave()
        reply = await client.reader.read()
        assert reply.startswith(b"200 \r\n")
        assert reply.endswith(b"\r\n\r\ndone")
        client.writer.close()

    serving(test)


def test_held_requests_are_served_after_the_stop_and_not_one_more() -> None:
    async def test(served: Serving) -> None:
        client = await served.connect(ASKED)
        await served.until_waiting(1)
        served.stop.set()
        await asyncio.sleep(0)
        served.leave()
        reply = await client.reader.read()
        assert reply.endswith(b"\r\n\r\ndone")
        client.writer.close()

    serving(test)


def test_shutting_down_the_live_connections_ends_what_is_held() -> None:
    async def test(served: Serving) -> None:
        client = await served.connect(ASKED)
        await served.until_waiting(1)
        served.stop.set()
        served.live.shut_down()
        assert await client.reader.read() == b""
        await served.until_waiting(0)
        client.writer.close()

    serving(test)


def test_a_held_request_waits_no_longer_than_its_deadline_and_only_within_the_admission() -> None:
    async def test(served: Serving) -> None:
        first = await served.connect(ASKED)
        await served.until_waiting(1)
        second = await served.connect(ASKED)
        await second.received(b"not held")  # the admission has one place
        first.writer.transport.close()
        await served.until_waiting(0)
        third = await served.connect(WORK % b"X-Request-Deadline: 30ms\r\n")
        assert (await third.received(b"}")).startswith(b"HTTP/1.1 503 ")
        assert served.bulkhead.statistics().timed_out == 1
        for client in (first, second, third):
            client.writer.close()

    serving(test, policy=AdmissionPolicy(limit=1))
