"""Unit: the relay follows the server that the run has named last, and no other; and the process that is asked for."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from trio_lab.live.http import Request
from trio_lab.live.relay import Following, Relay
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
        self.asked: list[bytes] = []

    def say(self, text: str) -> None:
        for one in self.events:
            one.write(b"data: %b\n\n" % text.encode())


@asynccontextmanager
async def side() -> AsyncIterator[Side]:
    found = Side()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
        if not found.asked[-1].startswith(b"/events"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + found.asked[-1])
            writer.close()
            return
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


async def until(following: Following, told: bytes) -> None:
    await until_said(following.events.read(), told)


async def until_said(events: AsyncIterator[bytes], told: bytes) -> None:
    async for event in events:
        if told in event:
            return


def test_a_server_that_the_run_has_left_is_not_shown_again() -> None:
    async def test() -> None:
        following = Following()
        async with side() as one:
            following.hear(RunState(server=one.url))
            task = asyncio.create_task(following._follow(one.url))
            await until(following, b"data: first")
            following.hear(RunState(server=None))
            one.say("late")  # as if it had come in the moment in which the run has moved on
            await task
        event = await anext(following.events.read())
        assert b"data: late" not in event
        assert b"event: run" in event

    run(test())


def test_the_next_server_is_followed() -> None:
    async def test() -> None:
        following = Following()
        async with side() as one, side() as other:
            following.hear(RunState(server=one.url))
            task = asyncio.create_task(following.follow())
            await until(following, b"data: first")
            following.hear(RunState(experiment="other", server=other.url))
            await until(following, b"data: first")
            other.say("second")
            await until(following, b"data: second")
            task.cancel()
            await asyncio.wait((task,))

    run(test())


def asked(path: str, **query: str) -> Request:
    return Request(method="GET", path=path, query=query, headers={})


def test_a_process_is_asked_for_with_the_query() -> None:
    async def test() -> None:
        relay = Relay()
        async with side() as one:
            relay.hear(RunState(server=one.url))
            reply = await relay.answer(asked("/live", process="2&x"))
            assert (reply.status, reply.body) == (200, b"/live?process=2%26x")
            assert (await relay.answer(asked("/live"))).body == b"/live"

    run(test())


def test_the_events_of_a_process_are_those_of_the_server_that_is_shown_as_long_as_they_are_read() -> None:
    async def test() -> None:
        relay = Relay()
        async with side() as one, side() as other:
            relay.hear(RunState(server=one.url))
            events = (await relay.answer(asked("/events", process="2"))).pieces
            assert events is not None
            await until_said(events, b"data: first")
            relay.hear(RunState(server=other.url))
            await until_said(events, b"data: first")
            assert one.asked == other.asked == [b"/events?process=2"]
            assert len(relay._following) == 2
            del events  # its reader has left
            gc.collect()
            while len(relay._following) > 1:
                await asyncio.sleep(0)

    run(test())


def test_a_server_that_has_just_ended_is_told() -> None:
    async def test() -> None:
        relay = Relay()
        relay.hear(RunState(server=f"http://127.0.0.1:{free_ports(1)[0]}"))
        reply = await relay.answer(asked("/view"))
        assert (reply.status, reply.body) == (503, b"The server of the run has just ended\n")

    run(test())
