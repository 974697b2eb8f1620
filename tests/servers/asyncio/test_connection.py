"""In this process: what a connection waits for, on a pair of real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest

from trio_lab.servers.asyncio.connection import Connection


def test_a_connection_that_breaks_when_its_end_is_not_waited_for_any_more_is_no_error_of_the_loop() -> None:
    async def test() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        ours, theirs = socket.socketpair()
        _, writer = await asyncio.open_connection(sock=ours)
        waiting = asyncio.create_task(Connection._lost(cast(Connection, SimpleNamespace(writer=writer))))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,))
        theirs.close()
        writer.write(b"a reply")
        while not writer.transport.is_closing():
            await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
        assert told == []

    asyncio.run(test())


def test_what_could_not_be_sent_says_so_before_the_socket_is_closed() -> None:
    """Else the client's end would be overlooked, and the number of its socket be watched when another one has it."""

    async def test() -> None:
        ours, theirs = socket.socketpair()
        connection = object.__new__(Connection)
        _, connection.writer = await asyncio.open_connection(sock=ours)
        theirs.close()
        with pytest.raises(ConnectionError):
            connection.send_now(b"HTTP/1.1 ")
        assert ours.fileno() != -1

    asyncio.run(test())
