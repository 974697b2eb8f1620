"""In this process: the serving loop around a small ASGI app, with real sockets and no lab."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Coroutine
from typing import Any

import hypercorn.config
import pytest
from hypercorn.utils import LifespanFailureError

from tests.http.sockets import connected
from tests.servers.backlog import sent_at_once
from tests.servers.shortage import Impatient, no_descriptors
from trio_lab.config import Config
from trio_lab.http import door, entrance
from trio_lab.http.connections import LiveConnections
from trio_lab.http.epoll_set import EpollSet
from trio_lab.http.listening import LAST_TURNS, listen
from trio_lab.servers.asyncio import accepting, connection
from trio_lab.servers.asyncio.accepting import serve_app

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE = 30.0


class App:
    """Notes what it is told. A request is answered when `release` is set."""

    def __init__(self, *, starts: bool = True) -> None:
        self.told: list[str] = []
        self.asked, self.release = asyncio.Event(), asyncio.Event()
        self._starts = starts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.told.append("asked")
        self.asked.set()
        await self.release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _live(self, receive: Any, send: Any) -> None:
        for stage in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{stage}"
            self.told.append(stage)
            await send({"type": f"lifespan.{stage}.{'complete' if self._starts else 'failed'}"})


class Served:
    def __init__(self, app: Any) -> None:
        self.app, self.live = app, LiveConnections()
        self.stop, self.ready = asyncio.Event(), asyncio.Event()
        self.listener = listen(Config(port=0))
        self.address = self.listener.getsockname()

    async def run(self) -> None:
        settings = hypercorn.config.Config()
        with self.listener:
            await serve_app(self.app, settings, self.listener, live=self.live, stop=self.stop, on_ready=self.ready.set)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        await self.ready.wait()
        return await asyncio.open_connection(*self.address)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, PATIENCE))


def test_the_app_lives_around_the_connections_and_idle_ones_end_at_the_stop() -> None:
    async def test() -> None:
        app = App()
        app.release.set()
        served = Served(app)
        async with asyncio.TaskGroup() as group:
            group.create_task(served.run())
            reader, writer = await served.connect()
            writer.write(ASKED)
            await reader.readuntil(b"ok")
            assert len(served.live) == 1
            served.stop.set()
            assert await reader.read() == b""
            writer.close()
        assert app.told == ["startup", "asked", "shutdown"]
        assert len(served.live) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(served.address)

    run(test())


def test_a_request_in_flight_is_waited_for() -> None:
    async def test() -> None:
        app = App()
        served = Served(app)
        async with asyncio.TaskGroup() as group:
            group.create_task(served.run())
            reader, writer = await served.connect()
            writer.write(ASKED)
            await app.asked.wait()
            served.stop.set()
            await asyncio.sleep(0)
            app.release.set()
            assert (await reader.read()).endswith(b"ok")
            writer.close()
        assert app.told == ["startup", "asked", "shutdown"]

    run(test())


def test_what_waits_in_the_backlog_at_the_stop_is_answered() -> None:
    async def test() -> None:
        app = App()
        app.release.set()
        served = Served(app)
        async with asyncio.TaskGroup() as group:
            group.create_task(served.run())
            await served.ready.wait()
            clients = sent_at_once(served.address, ASKED)
            served.stop.set()
            for client in clients:
                reader, writer = await asyncio.open_connection(sock=client)
                assert (await reader.read()).endswith(b"ok")
                writer.close()

    run(test())


def test_who_connects_just_before_the_stop_may_ask_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        app = App()
        app.release.set()
        served = Served(app)
        async with asyncio.TaskGroup() as group:
            group.create_task(served.run())
            reader, writer = await served.connect()
            silent, left = await served.connect()
            monkeypatch.setattr(door, "FIRST_BYTES", 3600.0)
            served.stop.set()
            for _ in range(5 * LAST_TURNS):
                await asyncio.sleep(0)
            writer.write(ASKED)
            assert (await reader.read()).endswith(b"ok")
            monkeypatch.setattr(door, "FIRST_BYTES", 0.0)  # the time of the other is over
            assert await silent.read() == b""
            writer.close()
            left.close()
        assert app.told == ["startup", "asked", "shutdown"]

    run(test())


def test_shutting_down_the_live_connections_ends_what_is_in_flight() -> None:
    async def test() -> None:
        app = App()
        served = Served(app)
        async with asyncio.TaskGroup() as group:
            group.create_task(served.run())
            reader, writer = await served.connect()
            writer.write(ASKED)
            await app.asked.wait()
            served.stop.set()
            served.live.shut_down()
            assert await reader.read() == b""
            writer.close()
            app.release.set()  # the app is told that its client is gone; what it does then is its own affair
        assert app.told == ["startup", "asked", "shutdown"]

    run(test())


class Streaming(App):
    """Streams a thousand pieces to a client, unless it is told that the client has left."""

    sent = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        sending = asyncio.create_task(self._stream(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        sending.cancel()

    async def _stream(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"60000000")]})
        for self.sent in range(1, 1001):
            await send({"type": "http.response.body", "body": bytes(60_000), "more_body": self.sent < 1000})


def test_a_reply_whose_client_left_gives_way_to_its_end(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        app = Streaming()
        served = Served(app)
        async with asyncio.TaskGroup() as group:
            group.create_task(served.run())
            reader, writer = await served.connect()
            writer.write(ASKED)
            await reader.readexactly(1)
            writer.transport.abort()
            served.stop.set()
        assert 0 < app.sent < 1000
        assert not caplog.records

    run(test())


def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SEND_TIME", 0.01)

    async def test() -> None:
        app = Streaming()
        served = Served(app)
        async with asyncio.TaskGroup() as group:
            group.create_task(served.run())
            await served.ready.wait()
            with socket.create_connection(served.address) as client:
                client.sendall(ASKED)
                while not app.sent or served.live:
                    await asyncio.sleep(0)
            served.stop.set()

    run(test())


def test_an_app_that_cannot_start_is_not_served() -> None:
    async def test() -> None:
        app = App(starts=False)
        with pytest.raises(ExceptionGroup) as caught:
            await Served(app).run()
        assert caught.group_contains(LifespanFailureError)
        assert app.told == ["startup"]

    run(test())


@pytest.mark.parametrize("stops", [False, True], ids=["and then there are some", "and the server ends"])
def test_without_descriptors_connections_wait_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, stops: bool
) -> None:
    async def test() -> None:
        app, many = App(), asyncio.Event()
        app.release.set()
        served = Served(app)
        monkeypatch.setattr(entrance, "Shortage", lambda: Impatient(many.set))
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(served.run())
            await served.ready.wait()
            with socket.socket() as client:
                client.setblocking(False)
                with no_descriptors():
                    await loop.sock_connect(client, served.address)
                    await loop.sock_sendall(client, ASKED)
                    await many.wait()
                    if stops:
                        served.stop.set()
                        await serving
                if not stops:
                    assert (await loop.sock_recv(client, 4096)).endswith(b"ok")
            served.stop.set()

    run(test())
    assert [record.getMessage() for record in caplog.records] == [
        "connections cannot be accepted: Too many open files; trying again"
    ]


def test_a_server_that_is_cancelled_accepts_no_more() -> None:
    async def test() -> None:
        served = Served(App())
        serving = asyncio.create_task(
            serve_app(
                served.app,
                hypercorn.config.Config(),
                served.listener,
                live=served.live,
                stop=served.stop,
                on_ready=served.ready.set,
            )
        )
        await served.ready.wait()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        assert served.listener.fileno() == -1

    run(test())


class Crowd:
    """In place of what holds requests."""

    def may_rest(self) -> bool:
        return True


async def _told(sends: int) -> list[int]:
    """What is told of bytes that are sent one after the other, each in a pass of its own."""
    told: list[int] = []
    crowd: Any = Crowd()
    with connected() as (client, server), accepting._watched(EpollSet(), crowd) as sockets:
        sockets.add(server.fileno(), select.EPOLLIN | select.EPOLLET, told.append)
        for _ in range(sends):
            client.send(b"x")
            for _ in range(20):
                await asyncio.sleep(0)
    return told


def test_while_many_wait_it_rests_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "REST", 3600)
    assert len(asyncio.run(_told(3))) == 1
    monkeypatch.setattr(accepting, "REST", 0)
    assert len(asyncio.run(_told(3))) == 3


def test_a_fault_in_what_it_tells_while_it_rests_does_not_make_it_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "REST", 0)

    async def test() -> None:
        told: list[int] = []
        faults: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))

        def tell(events: int) -> None:
            told.append(events)
            if len(told) == 1:
                client.send(b"x")  # it is told of this after the rest
            if len(told) == 2:
                raise ZeroDivisionError

        crowd: Any = Crowd()
        with connected() as (client, server), accepting._watched(EpollSet(), crowd) as sockets:
            sockets.add(server.fileno(), select.EPOLLIN | select.EPOLLET, tell)
            for _ in range(2):
                client.send(b"x")
                for _ in range(20):
                    await asyncio.sleep(0)
        assert [type(fault) for fault in faults] == [ZeroDivisionError]
        assert len(told) >= 3

    run(test())
