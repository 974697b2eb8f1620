"""A loop with other work to do: a TCP server and its clients in one process, so that there is something to be held up."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio
import trio.testing

CONNECTIONS = 8
WORK = range(3_000)
_TRIED = 0.5  # seconds in which the capacity is found out


class Traffic:
    """Requests and replies over loopback. ``done`` counts them; ``pause`` is what a client rests between two."""

    def __init__(self) -> None:
        self.done = 0
        self.pause = 0.0
        self.capacity = 0.0

    async def serve(self, stream: trio.abc.Stream) -> None:
        while await stream.receive_some():
            sum(WORK)
            await stream.send_all(b"reply\n")

    async def ask(self, stream: trio.abc.Stream) -> None:
        while True:
            await stream.send_all(b"question\n")
            await stream.receive_some()
            self.done += 1
            if self.pause:
                await trio.sleep(self.pause)

    async def cost(self, seconds: float) -> float:
        """CPU seconds of the process for one request, over a while."""
        before, used = self.done, time.process_time()
        await trio.sleep(seconds)
        return (time.process_time() - used) / max(1, self.done - before)


@asynccontextmanager
async def traffic() -> AsyncIterator[Traffic]:
    """At half of what the loop can do, for the length of the block."""
    made = Traffic()
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, made.serve, 0, host="127.0.0.1"))
        for _ in range(CONNECTIONS):
            nursery.start_soon(made.ask, await trio.testing.open_stream_to_socket_listener(listener))
        began = trio.current_time()
        await trio.sleep(_TRIED)
        made.capacity = made.done / (trio.current_time() - began)
        made.pause = CONNECTIONS / made.capacity  # as long again as all of them need together
        yield made
        nursery.cancel_scope.cancel()
