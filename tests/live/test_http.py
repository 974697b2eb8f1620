"""The side process's small HTTP server: what it answers to requests of any kind."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import pytest

from trio_lab.live.http import Reply, Request, Server, text

_HOST = b"Host: 127.0.0.1\r\n"


async def echo(request: Request) -> Reply:
    return text(f"{request.method} {request.path} {request.query} {request.body.decode()}")


def answered(sent: bytes) -> tuple[int | None, bytes]:
    """The status and the body of the reply, the status None if there was no reply. An error that asyncio would log fails the
    test."""

    async def ask() -> tuple[int | None, bytes]:
        faults: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        server = await asyncio.start_server(Server(echo, ["lab.example"]).connected, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(sent)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
        assert faults == []
        return (int(head.split()[1]) if head else None), body

    return asyncio.run(ask())


@pytest.mark.parametrize("host", [b"127.0.0.1", b"localhost:9001", b"[::1]:9001", b"LAB.example"])
def test_addresses_and_known_names_are_answered(host: bytes) -> None:
    assert answered(b"GET /view?process=2 HTTP/1.1\r\nHost: %b\r\n\r\n" % host) == (
        200,
        b"GET /view {'process': '2'} \n",
    )


@pytest.mark.parametrize("host", [b"evil.example", b"127.0.0.1.evil.example", b"[", b""])
def test_other_names_are_refused(host: bytes) -> None:
    assert answered(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host)[0] == 403


def test_a_body_has_the_length_that_was_said() -> None:
    assert answered(b"POST / HTTP/1.1\r\n%bContent-Length: 3\r\n\r\nabcdef" % _HOST) == (200, b"POST / {} abc\n")


def test_the_reply_to_head_has_no_body() -> None:
    assert answered(b"HEAD / HTTP/1.1\r\n%b\r\n" % _HOST) == (200, b"")


WRONG = {
    "no HTTP": b"hello\r\n\r\n",
    "no path": b"GET http://127.0.0.1/ HTTP/1.1\r\n%b\r\n" % _HOST,
    "a path that is no URL": b"GET //[ HTTP/1.1\r\n%b\r\n" % _HOST,
    "a header without a colon": b"GET / HTTP/1.1\r\n%bnothing\r\n\r\n" % _HOST,
    "two hosts": b"GET / HTTP/1.1\r\n%b%b\r\n" % (_HOST, _HOST),
    "a large body": b"POST / HTTP/1.1\r\n%bContent-Length: 2000\r\n\r\n" % _HOST,
    "a length of another alphabet": b"POST / HTTP/1.1\r\n%bContent-Length: \xb2\r\n\r\n" % _HOST,
    "a length of thousands of digits": b"POST / HTTP/1.1\r\n%bContent-Length: %b\r\n\r\n" % (_HOST, b"0" * 5000),
    "a body in chunks": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n" % _HOST,
    "a large head": b"GET / HTTP/1.1\r\n%bX: %b\r\n\r\n" % (_HOST, b"x" * 20_000),
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
def test_what_is_not_understood_is_refused(sent: bytes) -> None:
    assert answered(sent)[0] == 400


def test_a_name_does_not_become_an_address_where_a_large_head_is_cut() -> None:
    begin = b"GET / HTTP/1.1\r\nX: "
    host = b"\r\nHost: 127.0.0.1"
    padding = b"x" * (16_384 - len(begin + host))
    assert answered(begin + padding + host + b".evil.example\r\n\r\n")[0] == 400


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000])
def test_who_leaves_early_or_never_ends_the_head_gets_no_reply(sent: bytes) -> None:
    async def leave() -> None:
        server = await asyncio.start_server(Server(echo, []).connected, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(sent)
            writer.write_eof()
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()

    asyncio.run(leave())


@pytest.mark.parametrize("size", [60_000, 1_000_000])
def test_a_client_far_away_gets_all_of_a_large_reply(size: int) -> None:
    async def large(request: Request) -> Reply:
        return Reply(body=b"x" * size)

    async def read() -> bytes:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            for one, option in ((listener, socket.SO_SNDBUF), (client, socket.SO_RCVBUF)):
                one.setsockopt(socket.SOL_SOCKET, option, 4096)  # the two kernels hold little of it
            client.connect(listener.getsockname())
            async with await asyncio.start_server(Server(large, []).connected, sock=listener):
                reader, writer = await asyncio.open_connection(sock=client, limit=4096)
                writer.write(b"GET / HTTP/1.1\r\n%b\r\n" % _HOST)
                reply = await reader.read(-1)
                writer.close()
                return reply

    assert len(asyncio.run(read()).partition(b"\r\n\r\n")[2]) == size
