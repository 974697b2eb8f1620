"""End to end and unit: what clients do that hypercorn alone would not survive."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import h11
import hypercorn.config
import pytest
import trio
from hypercorn.events import RawData, Updated
from hypercorn.trio.worker_context import WorkerContext
from trio.testing import Sequencer, assert_checkpoints, memory_stream_pair

from tests.running import Running, running
from trio_lab.http.connections import LiveConnections
from trio_lab.measure.process import open_descriptors
from trio_lab.servers.trio.connection import Connection, ConnectionTasks

HALF_A_BODY = b"POST /hash HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"
BAD_CHUNK = b"POST /hash HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
HALF_A_HEAD = b"GET /health HTTP/1.1\r\nHo"
H2C = (
    b"GET /wait?ms=0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
)
WEBSOCKET = (
    b"GET /wait?ms=0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PIPELINED = b"GET /wait?ms=0 HTTP/1.1\r\nHost: x\r\n\r\n" * 20


def reset(connection: socket.socket) -> None:
    """Leave with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.fixture(scope="module")
def own_server() -> Iterator[Running]:
    """Apart from the other tests' server: this one's descriptors are counted."""
    with running() as server:
        yield server


@pytest.mark.parametrize("abrupt", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize(
    "said",
    [b"", HALF_A_HEAD, HALF_A_BODY, BAD_CHUNK, H2C, WEBSOCKET, PIPELINED],
    ids=["nothing", "half-a-head", "half-a-body", "bad-chunk", "h2c", "websocket", "pipelined"],
)
def test_clients_that_leave_take_nothing_with_them(own_server: Running, said: bytes, abrupt: bool) -> None:
    own_server.get("/health")
    pid = own_server.process.pid
    before = open_descriptors(pid)
    for _ in range(150):
        with socket.create_connection(own_server.address) as connection:
            connection.sendall(said)
            if abrupt:
                reset(connection)
    while open_descriptors(pid) > before:  # the test's time limit ends it if one is kept
        assert own_server.process.poll() is None, "the server is gone"
    assert own_server.get("/health")["runtime"] == "trio"


def test_a_client_that_is_gone_is_not_kept_for_the_idle_time(own_server: Running) -> None:
    """The idle time is five seconds; a hundred rounds one after the other would take minutes."""
    own_server.get("/health")
    pid = own_server.process.pid
    before = open_descriptors(pid)
    for _ in range(100):
        socket.create_connection(own_server.address).close()
        while open_descriptors(pid) > before:
            pass


@pytest.mark.parametrize(
    "refused", [b"GET /hash?" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n"]
)
def test_what_follows_a_refused_request_does_not_cost_its_reply(own_server: Running, refused: bytes) -> None:
    for _ in range(30):  # Trio chooses at random who runs first, the reply or the reader
        replies = own_server.raw(refused + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert replies.count(b"HTTP/1.1 ") == 1
        assert replies.endswith(b'"}')


def test_a_refused_head_request_has_no_body(own_server: Running) -> None:
    reply = own_server.raw(BAD_CHUNK.replace(b"POST", b"HEAD"))
    assert reply.endswith(b"\r\n\r\n")


# Unit.


async def nothing(*_: object) -> None:
    pass


def connection_on(stream: Any) -> Any:
    """A connection whose protocol takes everything and does nothing."""
    connection: Any = Connection(nothing, hypercorn.config.Config(), WorkerContext(None), {}, stream)
    connection.protocol = SimpleNamespace(handle=nothing, begin_reply=nothing, hears=True, stream=None)
    connection.sockets = None
    return connection


async def test_a_connection_that_is_not_read_any_more_is_not_idle(autojump_clock: object) -> None:
    ours, theirs = memory_stream_pair()
    connection, began = connection_on(ours), trio.current_time()
    async with ConnectionTasks() as tasks:
        connection._task_group = tasks
        await connection.idle_task.restart(tasks, None)
        await theirs.send_eof()
        await connection._read_data()
        await connection.protocol_send(Updated(idle=True))  # the end of a reply that was on its way
    assert trio.current_time() == began  # no task was left to wait for


async def test_a_send_beside_the_closing_of_its_stream_tells_the_protocol_that_the_client_is_gone() -> None:
    class Busy:
        async def send_all(self, data: bytes) -> None:
            raise trio.BusyResourceError("another task is using this stream")

    told: list[Any] = []

    async def handle(event: Any) -> None:
        told.append(type(event).__name__)

    connection = connection_on(Busy())
    connection.protocol = SimpleNamespace(handle=handle)
    await connection.protocol_send(RawData(b"x"))
    assert told == ["Closed"]


async def test_a_fault_in_one_connection_is_logged_and_ends_there(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down() -> None:
        raise ExceptionGroup("", [h11.LocalProtocolError("a bug")])

    connection = connection_on(SimpleNamespace(socket=None))
    monkeypatch.setattr(connection, "_converse", break_down)
    with caplog.at_level(logging.ERROR):
        await connection.serve(LiveConnections(), connection, b"")
    assert "a connection ended by a fault" in caplog.text


async def test_only_a_full_queue_of_the_app_is_waited_for() -> None:
    config, order = hypercorn.config.Config(), Sequencer()
    config.max_app_queue_size = 1
    taken: list[int] = []

    async def app(scope: object, receive: Any, *_: object) -> None:
        async with order(1):
            taken.append(await receive())
        taken.append(await receive())

    async with ConnectionTasks() as tasks:
        put: Any = await tasks.spawn_app(app, config, {"type": "http", "extensions": {}}, nothing)
        with trio.CancelScope() as scope:
            scope.cancel()
            await put(1)
        assert not scope.cancelled_caught  # it was no checkpoint
        async with order(0):
            pass
        with assert_checkpoints():
            await put(2)
    assert taken == [1, 2]
