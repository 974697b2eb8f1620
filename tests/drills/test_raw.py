"""Unit: a client that speaks bytes, against a listener of this process."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from trio_lab.drills.raw import RawClient, raw_client, replies

OK = b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi"
CONTINUE = b"HTTP/1.1 100 \r\ndate: x\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (OK, [(200, b"hi")]),
        (OK + OK, [(200, b"hi"), (200, b"hi")]),
        (CONTINUE + OK.replace(b"200", b"413"), [(100, b""), (413, b"hi")]),
        (OK + OK[:-1], [(200, b"hi")]),
        (OK[:20], []),
        (b"SSH-2.0\r\n\r\n", []),
    ],
)
def test_whole_replies_are_found(data: bytes, expected: list[tuple[int, bytes]]) -> None:
    assert replies(data) == expected


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[RawClient, trio.socket.SocketType]]:
    with trio.socket.socket() as listener:
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with raw_client(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            server, _ = await listener.accept()
            with server:
                yield client, server


async def test_a_half_closed_client_still_hears() -> None:
    async with connected() as (client, server):
        assert await client.send(b"ask")
        client.half_close()
        assert (await server.recv(9), await server.recv(9)) == (b"ask", b"")
        await server.send(OK)
        server.shutdown(socket.SHUT_WR)
        heard = await client.hear(5)
    assert (heard.end, heard.statuses) == ("closed", (200,))


async def test_a_reset_is_a_reset() -> None:
    async with connected() as (client, server):
        client.reset()
        with pytest.raises(ConnectionResetError):
            await server.recv(9)


async def test_a_server_that_resets_or_stays_is_told_apart() -> None:
    async with connected() as (client, server):
        assert (await client.hear(0.01)).end == "open"
        await client.send(b"not read")
        await trio.testing.wait_all_tasks_blocked()
        server.close()  # with bytes unread, so that the kernel resets
        assert (await client.hear(5)).end == "reset"
        assert not await client.send(b"too late")
