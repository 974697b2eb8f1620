"""End to end and unit: what clients do that hypercorn alone would not survive, and that we notice when it has changed."""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Iterator
from types import SimpleNamespace

import h11
import pytest
import trio
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import EventWrapper

from tests.running import Running, running
from trio_lab.measure.process import open_descriptors
from trio_lab.servers.trio import upstream
from trio_lab.servers.trio.thrift import IdleTime

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


def test_putting_right_twice_is_putting_right_once() -> None:
    upstream.put_right()
    owners = (TCPServer, H11Protocol, TaskGroup)
    methods = [dict(vars(owner)) for owner in owners]
    upstream.put_right()
    assert [dict(vars(owner)) for owner in owners] == methods


@pytest.mark.parametrize("change", ["gone", "other parameters", "not async"])
def test_another_hypercorn_is_refused(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    async def other(self: TCPServer, event: object, more: object) -> None: ...

    def plain(self: TCPServer, event: object) -> None: ...

    if change == "gone":
        monkeypatch.delattr(TCPServer, "protocol_send")
    else:
        monkeypatch.setattr(TCPServer, "protocol_send", other if change == "other parameters" else plain)
    with pytest.raises(RuntimeError, match=r"TCPServer\.protocol_send"):
        upstream.put_right()


async def test_a_connection_that_nobody_reads_any_more_is_not_idle() -> None:
    idle_time = IdleTime(60.0, EventWrapper(), trio.sleep_forever)

    async def read(self: object) -> None:
        await idle_time.restart(tasks, None)

    async with TaskGroup() as tasks:
        await upstream._no_idling_after_the_end(read)(SimpleNamespace(idle_task=idle_time))
    # and the group has ended, so its task has


async def test_a_fault_in_one_connection_is_logged_and_ends_there(caplog: pytest.LogCaptureFixture) -> None:
    async def run(self: object) -> None:
        raise ExceptionGroup("", [h11.LocalProtocolError("a bug")])

    with caplog.at_level(logging.ERROR):
        await upstream._a_fault_ends_one_connection(run)(object())
    assert "a connection ended by a fault" in caplog.text
