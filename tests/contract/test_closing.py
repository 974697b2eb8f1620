"""End to end: how connections end on every runtime, and that their clients get their replies before."""

from __future__ import annotations

import json
import socket
from contextlib import suppress

import pytest

from tests.running import Running

from .watching import queue

WAIT = b"GET /wait?ms=%d HTTP/1.1\r\nHost: x\r\n%s\r\n"
CLOSE = b"Connection: close\r\n"
BODY = b"Content-Length: 9000000\r\n"


def half_closed(server: Running, *said: bytes) -> list[tuple[int, bytes]]:
    """The replies to a client that sends its end after its last byte, and then reads to the server's end."""
    with socket.create_connection(server.address, timeout=30) as connection:
        for piece in said:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.startswith(b"HTTP/1.1 ") or not received
    replies = received.split(b"HTTP/1.1 ")[1:]
    return [(int(reply[:3]), reply.partition(b"\r\n\r\n")[2]) for reply in replies]


@pytest.mark.parametrize("request_", [WAIT % (100, b""), WAIT % (0, b""), WAIT % (100, CLOSE)])
def test_a_half_closed_client_gets_its_reply(server: Running, request_: bytes) -> None:
    ((status, body),) = half_closed(server, request_)
    assert status == 200
    assert json.loads(body)["route"] == "/wait"


def test_a_half_closed_client_gets_all_its_replies(server: Running) -> None:
    assert [status for status, _ in half_closed(server, (WAIT % (30, b"")) * 3)] == [200] * 3
    head = WAIT.replace(b"GET /wait", b"HEAD /health").replace(b"ms=%d", b"reset=0") % b""
    assert half_closed(server, head) == [(200, b"")]


@pytest.mark.parametrize("half", [b"GET /wa", WAIT[:40], WAIT % (1000, b"Content-Length: 3\r\n") + b"ab"])
def test_half_a_request_is_a_400_when_its_client_sends_no_more(server: Running, half: bytes) -> None:
    ((status, body),) = half_closed(server, half)
    assert (status, list(json.loads(body))) == (400, ["error"])


def test_a_client_that_sends_nothing_is_told_nothing(server: Running) -> None:
    assert half_closed(server) == []
    assert half_closed(server, b"\r\n\r\n") == []


@pytest.mark.parametrize("head", [b"POST /hash", b"POST /hash?" + b"a" * 9_000, b"post /hash", b"GET /health?reset=2"])
def test_a_client_that_reads_only_when_it_has_sent_all_gets_its_refusal(server: Running, head: bytes) -> None:
    with socket.create_connection(server.address, timeout=30) as connection:
        connection.sendall(head + b" HTTP/1.1\r\nHost: x\r\n" + BODY + b"\r\n" + b"a" * 9_000_000)
        assert connection.recv(12, socket.MSG_WAITALL) in {b"HTTP/1.1 %d" % status for status in (413, 414, 501)}


def test_a_client_that_never_closes_is_closed(server: Running) -> None:
    """It sends on for as long as it can; the server's patience is bounded."""
    with socket.create_connection(server.address, timeout=30) as connection:
        connection.sendall(WAIT % (0, CLOSE))
        with suppress(ConnectionResetError, BrokenPipeError):
            while True:  # until the server, which has closed, says so
                connection.sendall(b"a" * 65_536)


def test_what_follows_a_last_request_costs_neither_its_reply_nor_its_work(server: Running) -> None:
    before = queue(server, "native_pool")["completions"]
    replies = server.raw(WAIT % (200, CLOSE) + (WAIT % (0, b"")) * 100)
    assert replies.count(b"HTTP/1.1 200") == replies.count(b"HTTP/1.1 ") == 1
    assert queue(server, "native_pool")["completions"] == before + 1


def test_a_reply_that_ends_the_connection_says_so(server: Running) -> None:
    """A client must not send its next request on a connection whose last body it has not sent."""
    with socket.create_connection(server.address, timeout=30) as connection:
        connection.sendall(WAIT % (0, b"Content-Length: 5\r\nExpect: 100-continue\r\n"))
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert b"\r\nconnection: close\r\n" in received.lower()
