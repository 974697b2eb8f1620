"""In this process: a client that pipelines more than the reader takes, while its requests are held, on asyncio."""

from __future__ import annotations

import asyncio
import socket

from trio_lab.http.callers import Caller
from trio_lab.http.epoll_set import EpollSet
from trio_lab.servers.asyncio.accepting import _streams
from trio_lab.servers.asyncio.connection import Connection


def test_a_reader_that_is_full_stays_so_when_a_request_is_no_longer_held() -> None:
    async def run() -> None:
        client, served = socket.socketpair()
        with client, EpollSet() as sockets:
            client.setblocking(False)
            served.setblocking(False)
            connection = object.__new__(Connection)
            connection.reader, connection.writer = await _streams(served)
            connection.sockets = sockets
            transport = connection.writer.transport
            while transport.is_reading():  # type: ignore[attr-defined]  # it is both kinds
                await asyncio.get_running_loop().sock_sendall(client, bytes(10_000))
            caller = Caller(connection.socket(), connection.send_now)
            await connection.unless_left(caller, asyncio.sleep(0, "done"))
            assert not transport.is_reading()  # type: ignore[attr-defined]
            transport.abort()

    asyncio.run(run())
