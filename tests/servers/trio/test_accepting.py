"""In this process: the serving loop around a small ASGI app, with real sockets and no lab."""

from __future__ import annotations

import select
import socket
from functools import partial
from typing import Any

import hypercorn.config
import pytest
import trio
import trio.testing
from hypercorn.utils import LifespanFailureError

from tests.http.sockets import connected
from tests.servers.backlog import sent_at_once
from tests.servers.shortage import Impatient, no_descriptors
from trio_lab.config import Config
from trio_lab.http import door, entrance
from trio_lab.http.connections import LiveConnections
from trio_lab.http.epoll_set import EpollSet
from trio_lab.http.holding import REST
from trio_lab.http.listening import LAST_TURNS, listen
from trio_lab.http.sharing import Shared
from trio_lab.servers.trio import accepting, connection
from trio_lab.servers.trio.accepting import serve_app

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Notes what it is told. A request is answered when `release` is set."""

    def __init__(self, *, starts: bool = True) -> None:
        self.told: list[str] = []
        self.asked, self.release = trio.Event(), trio.Event()
        self._starts = starts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.told.append("asked")
        self.asked.set()
        try:
            await self.release.wait()
        except trio.Cancelled:
            self.told.append("cut off")
            raise
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _live(self, receive: Any, send: Any) -> None:
        for stage in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{stage}"
            self.told.append(stage)
            await send({"type": f"lifespan.{stage}.{'complete' if self._starts else 'failed'}"})


class Served:
    def __init__(self, app: Any, *, grace: float = 60.0, holding: Any = None, shared: Shared | None = None) -> None:
        self.app, self.stop, self.live = app, trio.Event(), LiveConnections()
        self._holding, self._shared = holding, shared
        self.listener = listen(Config(port=0))
        self.address = self.listener.getsockname()
        self._settings = hypercorn.config.Config()
        self._settings.graceful_timeout = grace

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        serve = partial(serve_app, self.app, self._settings, self.listener, live=self.live, stop=self.stop)
        with self.listener:
            await serve(holding=self._holding, shared=self._shared, task_status=task_status)

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream(*self.address)


async def test_the_app_lives_around_the_connections_and_idle_ones_end_at_the_stop() -> None:
    app = App()
    app.release.set()
    served = Served(app)
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        client = await served.connect()
        await client.send_all(ASKED)
        assert (await client.receive_some()).endswith(b"ok")
        assert len(served.live) == 1
        served.stop.set()
        assert await client.receive_some() == b""
        await client.aclose()
    assert app.told == ["startup", "asked", "shutdown"]
    assert len(served.live) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(served.address)


async def test_a_request_in_flight_is_answered_in_the_grace_period() -> None:
    app = App()
    served = Served(app)
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        client = await served.connect()
        await client.send_all(ASKED)
        await app.asked.wait()
        served.stop.set()
        await trio.testing.wait_all_tasks_blocked()
        app.release.set()
        assert (await client.receive_some()).endswith(b"ok")
        assert await client.receive_some() == b""
        await client.aclose()
    assert app.told == ["startup", "asked", "shutdown"]


async def test_what_waits_in_the_backlog_at_the_stop_is_answered() -> None:
    app = App()
    app.release.set()
    served = Served(app)
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        clients = sent_at_once(served.address, ASKED)
        served.stop.set()
        for client in clients:
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
            assert (await stream.receive_some()).endswith(b"ok")
            assert await stream.receive_some() == b""
            await stream.aclose()


async def test_who_connects_just_before_the_stop_may_ask_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App()
    app.release.set()
    served = Served(app)
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        with socket.create_connection(served.address) as late, socket.create_connection(served.address) as silent:
            monkeypatch.setattr(door, "FIRST_BYTES", 3600.0)
            served.stop.set()
            for _ in range(5 * LAST_TURNS):
                await trio.lowlevel.checkpoint()
            late.sendall(ASKED)
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(late))
            assert (await stream.receive_some()).endswith(b"ok")
            assert await stream.receive_some() == b""
            monkeypatch.setattr(door, "FIRST_BYTES", 0.0)  # the time of the other is over
            assert await trio.SocketStream(trio.socket.from_stdlib_socket(silent)).receive_some() == b""
    assert app.told == ["startup", "asked", "shutdown"]


async def test_who_asks_for_nothing_does_not_lengthen_the_grace_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "FIRST_BYTES", 3600.0)
    app = App()
    served = Served(app, grace=0.1)
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        client, silent = await served.connect(), await served.connect()
        await client.send_all(ASKED)
        await app.asked.wait()
        served.stop.set()
        assert (await client.receive_some()).startswith(b"HTTP/1.1 500")
        assert await silent.receive_some() == b""
        await client.aclose()
        await silent.aclose()
    assert app.told == ["startup", "asked", "cut off", "shutdown"]


async def test_a_request_that_takes_longer_is_cut_off() -> None:
    app = App()
    served = Served(app, grace=0.0)
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        client = await served.connect()
        await client.send_all(ASKED)
        await app.asked.wait()
        served.stop.set()
        await client.receive_some()
        await client.aclose()
    assert app.told == ["startup", "asked", "cut off", "shutdown"]


class Streaming(App):
    """Streams a thousand pieces to a client, unless it is cancelled."""

    sent = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        with trio.CancelScope() as self.sending:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"60000000")]})
            for self.sent in range(1, 1001):
                await send({"type": "http.response.body", "body": bytes(60_000), "more_body": self.sent < 1000})


async def test_a_reply_that_is_cut_off_ends_at_once() -> None:
    app = Streaming()
    served = Served(app)
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        client = await served.connect()
        await client.send_all(ASKED)
        await client.receive_some(1)
        await trio.testing.wait_all_tasks_blocked()  # until the client would have to read
        app.sending.cancel()
        served.live.shut_down()
        served.stop.set()
        await client.aclose()
    assert 0 < app.sent < 1000


async def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SEND_TIME", 0.01)
    app = Streaming()
    served = Served(app)
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        with socket.create_connection(served.address) as client:
            client.sendall(ASKED * 2)  # the second waits for the end of the first
            while not app.sent or served.live:
                await trio.lowlevel.checkpoint()
        served.stop.set()


async def test_an_app_that_cannot_start_is_not_served() -> None:
    app = App(starts=False)
    with pytest.raises(BaseExceptionGroup) as caught:
        await Served(app).run()
    assert caught.group_contains(LifespanFailureError)
    assert app.told == ["startup"]


async def test_without_descriptors_connections_wait_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app, many = App(), trio.Event()
    app.release.set()
    served = Served(app)
    monkeypatch.setattr(entrance, "Shortage", lambda: Impatient(many.set))
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        client = trio.SocketStream(trio.socket.socket())
        async with client:
            with no_descriptors():
                await client.socket.connect(served.address)
                await client.send_all(ASKED)
                await many.wait()
            assert (await client.receive_some()).endswith(b"ok")
        served.stop.set()
    assert [record.getMessage() for record in caplog.records] == [
        "connections cannot be accepted: Too many open files; trying again"
    ]


class Crowd:
    """In place of what holds requests."""

    app = None
    waits = True

    def next_job(self, *_: object) -> None: ...

    def may_rest(self) -> bool:
        return self.waits


async def test_while_many_wait_what_happens_is_looked_at_in_turns(mock_clock: trio.testing.MockClock) -> None:
    told: list[int] = []
    with connected() as (one, first), connected() as (other, second), EpollSet() as sockets:
        for server in (first, second):
            sockets.add(server.fileno(), select.EPOLLIN | select.EPOLLET, told.append)
        async with trio.open_nursery() as nursery:
            crowd: Any = Crowd()
            nursery.start_soon(accepting._look, sockets, crowd)
            one.send(b"x")
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(told) == 1
            other.send(b"x")
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(told) == 1  # it rests
            mock_clock.jump(REST)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(told) == 2
            crowd.waits = False
            mock_clock.jump(REST)
            one.send(b"y")
            await trio.testing.wait_all_tasks_blocked(0.01)
            other.send(b"y")
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(told) == 4  # nobody waits: it looks at once
            nursery.cancel_scope.cancel()


async def test_a_shared_door_that_rests_accepts_all_that_have_come(
    mock_clock: trio.testing.MockClock,
) -> None:
    app = App()
    app.release.set()
    served = Served(app, holding=Crowd(), shared=Shared())
    async with trio.open_nursery() as nursery:
        await nursery.start(served.run)
        clients = sent_at_once(served.address, ASKED)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert app.told.count("asked") == len(clients) > 1
        for client in clients:
            client.close()
        nursery.cancel_scope.cancel()
