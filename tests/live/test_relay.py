"""Unit: the relay follows the server that the run has named last, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from trio_lab.live.http import Request
from trio_lab.live.relay import Relay
from trio_lab.records.live import RunState
from trio_lab.stage.hosts import free_ports

_EVENTS = b"HTTP/1.1 200 OK\r\n\r\n"


def run(test: Coroutine[Any, Any, None]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(10):
            await test

    asyncio.run(in_time())


class Side:
    """A side process: its address, and the connections on which it sends events."""

    def __init__(self) -> None:
        self.url = ""
        self.events: list[asyncio.StreamWriter] = []

    def say(self, text: str) -> None:
        for one in self.events:
            one.write(b"data: %b\n\n" % text.encode())


@asynccontextmanager
async def side() -> AsyncIterator[Side]:
    found = Side()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_EVENTS)
        found.events.append(writer)
        found.say("first")

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        found.url = f"http://{host}:{port}"
        yield found
        for one in found.events:
            one.close()
            await one.wait_closed()


async def until(relay: Relay, told: bytes) -> None:
    async for event in relay._events.read():
        if told in event:
            return


def test_a_server_that_the_run_has_left_is_not_shown_again() -> None:
    async def test() -> None:
        relay = Relay()
        async with side() as one:
            relay.hear(RunState(server=one.url))
            following = asyncio.create_task(relay._follow(one.url))
            await until(relay, b"data: first")
            relay.hear(RunState(server=None))
            one.say("late")  # as if it had come in the moment in which the run has moved on
            await following
        event = await anext(relay._events.read())
        assert b"data: late" not in event
        assert b"event: run" in event

    run(test())


def test_the_next_server_is_followed() -> None:
    async def test() -> None:
        relay = Relay()
        async with side() as one, side() as other:
            relay.hear(RunState(server=one.url))
            following = asyncio.create_task(relay.follow())
            await until(relay, b"data: first")
            relay.hear(RunState(experiment="other", server=other.url))
            await until(relay, b"data: first")
            other.say("second")
            await until(relay, b"data: second")
            following.cancel()
            await asyncio.wait((following,))

    run(test())


def test_a_server_that_has_just_ended_is_told() -> None:
    async def test() -> None:
        relay = Relay()
        relay.hear(RunState(server=f"http://127.0.0.1:{free_ports(1)[0]}"))
        reply = await relay.answer(Request(method="GET", path="/view", query={}, headers={}))
        assert (reply.status, reply.body) == (503, b"The server of the run has just ended\n")

    run(test())
