"""End to end: large bodies, and bodies that are none."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tests.running import Running
from trio_lab.measure.process import open_descriptors
from trio_lab.servers.trio.bodies import MAX_BUFFERED, BadBody, BodyMemory, LabBody
from trio_lab.servers.trio.ingest import _Memory, _streamed

RECORD = b'{"id":1,"name":"somebody"}\n'
LOT = RECORD * 4_000
MODES = ["buffer", "stream"]
HEAD = b"POST /ingest HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


def ingest(server: Running, mode: str, body: bytes | Iterable[bytes]) -> tuple[int, str | None, Any]:
    """Status, Connection header and body of the reply; an iterable is sent in chunks."""
    connection = http.client.HTTPConnection(*server.address, timeout=60)
    try:
        connection.request("POST", f"/ingest?mode={mode}", body, {"Content-Type": "application/x-ndjson"})
        reply = connection.getresponse()
        assert reply.headers["content-type"] == "application/json"
        return reply.status, reply.headers["connection"], json.loads(reply.read())
    finally:
        connection.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("body", "records"),
    [
        (b"", 0),
        (b"\n \n", 0),
        (b"{}", 1),
        (b"{}\n\n{}\r\n", 2),
        (LOT, 4_000),
        ([b'{"cut', b'": 1', b"}\n{", b"}"], 2),
        ([LOT] * 10, 40_000),
    ],
    ids=["nothing", "empty lines", "one", "gaps", "many", "cut", "chunked"],
)
def test_records_are_counted(server: Running, mode: str, body: bytes | list[bytes], records: int) -> None:
    status, _, reply = ingest(server, mode, body)
    assert (status, reply["records"]) == (200, records)
    assert reply.keys() == {
        "route", "mode", "records", "heldBytes", "peakMemoryBytes", "longestStepMs", "durationMs"
    }  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "body",
    [
        b"rubbish",
        b"[1]",
        b"{}\n{]\n",
        b"\xff\xfe\n",
        b'{"n":1e99999}',
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"\0",
        b'{"a":"\xff"}',
        b'{"\xff":1}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        gzip.compress(b"{}"),
        b'{"n":' + b"9" * 5_000 + b"}",
        b'{"a":NaN}',
    ],
    ids=[
        "rubbish",
        "array",
        "bad line",
        "no UTF-8",
        "number",
        "deep",
        "NUL",
        "value",
        "key",
        "overlong",
        "surrogate",
        "escaped surrogate",
        "BOM",
        "UTF-16",
        "gzip",
        "digits",
        "NaN",
    ],
)
def test_what_is_no_record_is_a_400(server: Running, mode: str, body: bytes) -> None:
    status, connection, reply = ingest(server, mode, body)
    assert (status, connection, list(reply)) == (400, "close", ["error"])


def test_the_two_ways_differ_in_what_they_hold(server: Running) -> None:
    body = LOT * 60  # 6.5 MB
    buffer, stream = (ingest(server, mode, body)[2] for mode in MODES)
    assert buffer["heldBytes"] == len(body)
    assert stream["heldBytes"] < len(body) / 8


def test_a_stream_may_be_larger_than_what_is_buffered(server: Running) -> None:
    lots = MAX_BUFFERED // len(LOT) + 1
    assert ingest(server, "stream", LOT * lots)[2]["records"] == 4_000 * lots
    # What is sent is all read before it is refused: else the refusal could be lost with the connection.
    head = b"POST /ingest?mode=buffer HTTP/1.1\r\nHost: x\r\n"
    for said in (
        b"Content-Length: %d\r\n\r\n" % (MAX_BUFFERED + 1),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (MAX_BUFFERED + 1) + b" " * (MAX_BUFFERED + 1),
    ):
        reply = server.raw(head + said)
        assert reply.startswith(b"HTTP/1.1 413 ")
        assert reply.endswith(b'{"error":"Request body too large"}')


async def test_a_line_that_is_too_long_is_refused_also_if_it_comes_at_once() -> None:
    body = LabBody(BodyMemory(), limit=10**6, length=None, want=None)
    body.append(b'{"a":"' + b"a" * 65_536 + b'"}\n')
    body.set_complete()
    with pytest.raises(BadBody) as refused:
        await _streamed(body, _Memory())
    assert refused.value.status == 413


def test_a_line_without_an_end_is_refused(server: Running) -> None:
    assert ingest(server, "stream", b" " * 65_537)[0] == 413


def test_a_refusal_does_not_wait_for_the_rest(server: Running) -> None:
    head = b"POST /ingest?mode=stream HTTP/1.1\r\nHost: x\r\nContent-Length: 200000000\r\n\r\n"
    reply = server.raw(head + b"rubbish\n")
    assert reply.startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(server.address) as connection:
        connection.sendall(head + b"rubbish\n")
        with suppress(ConnectionResetError, BrokenPipeError):
            while True:  # until the server, which has closed, says so
                connection.sendall(LOT)


@pytest.mark.parametrize("mode", MODES)
def test_clients_that_leave_half_way_take_nothing_with_them(server: Running, mode: str) -> None:
    server.get("/health")
    before = server.settled_descriptors()
    assert before is not None
    for _ in range(30):
        with socket.create_connection(server.address) as connection:
            connection.sendall(
                b"POST /ingest?mode=%s HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" % mode.encode()
            )
            connection.sendall(LOT)
    while (now := open_descriptors(server.process.pid)) is None or now > before:
        assert server.process.poll() is None, "the server is gone"
    assert ingest(server, mode, LOT)[0] == 200


def test_it_is_for_post_alone(server: Running) -> None:
    status, headers, _ = server.request("/ingest")
    assert (status, headers["Allow"]) == (405, "OPTIONS, POST")
    assert server.request("/ingest?mode=else", "POST", Content_Length="0")[0] == 400


def test_other_routes_keep_their_bound(server: Running) -> None:
    status, _, body = server.request("/read", "GET", Content_Length="1000001")
    assert (status, body) == (413, {"error": "Request body too large"})


def dialogue(server: Running, head: bytes, body: bytes) -> list[bytes]:
    """The statuses of what comes back to a client that waits for a 100 before it sends its body."""
    with socket.create_connection(server.address, timeout=30) as connection:
        connection.sendall(head + b"Host: x\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        received = connection.recv(65536)
        if received.startswith(b"HTTP/1.1 100 "):
            connection.sendall(body)
        while piece := connection.recv(65536):
            received += piece
    return [reply[:3] for reply in received.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("mode", MODES)
def test_a_body_is_asked_for_when_it_will_be_read_and_not_before(server: Running, mode: str) -> None:
    head = b"POST /ingest?mode=%s HTTP/1.1\r\nContent-Length: %%d\r\n" % mode.encode()
    assert dialogue(server, head % 2, b"{}") == [b"100", b"200"]
    assert dialogue(server, head % 2, b"[]") == [b"100", b"400"]
    for refused, status in (
        (head % 300_000_000, b"413"),
        (head.replace(b"mode=", b"mode=x") % 2, b"400"),
        (head.replace(b"POST", b"PUT") % 2, b"405"),
    ):
        assert dialogue(server, refused, b"{}") == [status]


def test_bodies_in_memory_are_bounded_together(server: Running) -> None:
    """Four of them take nearly all the memory. A fifth is not even asked for."""

    def ask_for_room() -> bytes:
        with socket.create_connection(server.address, timeout=30) as connection:
            connection.sendall((HEAD % 5)[:-2] + b"Expect: 100-continue\r\n\r\n")
            return connection.recv(65536)

    with ExitStack() as senders:
        for _ in range(4):
            sender = senders.enter_context(socket.create_connection(server.address, timeout=30))
            sender.sendall(HEAD % MAX_BUFFERED + b" " * (MAX_BUFFERED - 1))
        while (reply := ask_for_room()).startswith(b"HTTP/1.1 100 "):
            pass  # until all bytes have arrived
        head, _, body = reply.lower().partition(b"\r\n\r\n")
        assert head.startswith(b"http/1.1 503 ")
        assert b"retry-after: " in head
        assert b"connection: close" in head
        assert json.loads(body) == {"error": "body_memory is full", "queue": "body_memory"}
    while ingest(server, "buffer", LOT)[0] != 200:
        pass
