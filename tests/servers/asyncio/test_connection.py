"""In this process: what a connection waits for, on a pair of real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
from types import SimpleNamespace
from typing import Any, cast

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
