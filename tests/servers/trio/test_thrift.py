"""Unit: what stands in for hypercorn's own ways does the same for less."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import h11
import pytest
import trio
from hypercorn.events import RawData
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import EventWrapper
from trio.testing import Sequencer, assert_checkpoints

from trio_lab.servers.trio import thrift
from trio_lab.servers.trio.thrift import IdleTime

SECONDS = 5.0


class Idle:
    """An idle time in a group of its own, and when its connection was closed."""

    def __init__(self) -> None:
        self.terminated = EventWrapper()
        self.closed_at: float | None = None
        self.time = IdleTime(SECONDS, self.terminated, self.close)
        self.began = trio.current_time()

    async def close(self) -> None:
        assert self.closed_at is None
        self.closed_at = trio.current_time() - self.began

    async def run(self, story: Callable[[], Awaitable[None]] | None = None) -> float | None:
        """Start it, tell the story, wait until no task of it is left; when it closed, in seconds after the start."""
        async with TaskGroup() as tasks:
            self.tasks = tasks
            await self.idle()
            if story is not None:
                await story()
        return self.closed_at

    async def idle(self) -> None:
        await self.time.restart(self.tasks, None)


async def test_a_connection_that_asks_nothing_is_closed_in_time(autojump_clock: object) -> None:
    assert await Idle().run() == pytest.approx(SECONDS)


async def test_each_reply_starts_the_idle_time_anew(autojump_clock: object) -> None:
    idle = Idle()

    async def three_requests() -> None:
        for _ in range(3):
            await trio.sleep(SECONDS - 1)
            await idle.time.stop()
            await trio.sleep(0.5)
            await idle.idle()

    assert await idle.run(three_requests) == pytest.approx(3 * (SECONDS - 0.5) + SECONDS)


async def test_a_request_in_flight_is_not_idle(autojump_clock: object) -> None:
    idle = Idle()

    async def long_request() -> None:
        await idle.time.stop()
        await trio.sleep(10 * SECONDS)
        assert idle.closed_at is None
        await idle.idle()

    assert await idle.run(long_request) == pytest.approx(11 * SECONDS)


async def test_an_idle_connection_is_closed_when_the_server_ends(autojump_clock: object) -> None:
    idle = Idle()

    async def end() -> None:
        await trio.sleep(1)
        await idle.terminated.set()

    assert await idle.run(end) == pytest.approx(1)


async def test_a_reply_on_its_way_is_left_alone_when_the_server_ends(autojump_clock: object) -> None:
    idle = Idle()

    async def end_during_a_request() -> None:
        await idle.time.stop()
        await idle.terminated.set()

    assert await idle.run(end_during_a_request) is None


async def test_nothing_starts_the_idle_time_when_nobody_reads_any_more(autojump_clock: object) -> None:
    idle = Idle()

    async def end() -> None:
        idle.time.end()
        await idle.idle()

    assert await idle.run(end) is None
    assert trio.current_time() == idle.began  # and no task was left to wait for


async def test_starting_and_stopping_is_no_checkpoint() -> None:
    idle = Idle()
    async with TaskGroup() as tasks:
        with trio.CancelScope() as scope:
            scope.cancel()
            await idle.time.restart(tasks, None)
            await idle.time.stop()
            await idle.time.restart(tasks, None)
        assert not scope.cancelled_caught
        idle.time.end()


def asked(method: bytes) -> h11.Connection:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(method + b" / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [type(connection.next_event()) for _ in range(2)] == [h11.Request, h11.EndOfMessage]
    return connection


@pytest.mark.parametrize(("method", "body"), [(b"GET", b"abc"), (b"HEAD", b"")])
async def test_a_short_reply_is_sent_at_once(method: bytes, body: bytes) -> None:
    sent: list[bytes] = []

    async def send(event: RawData) -> None:
        sent.append(event.data)

    protocol = SimpleNamespace(connection=asked(method), send=send)
    send_event: Any = thrift.head_and_body_together(send)
    await send_event(protocol, h11.Response(status_code=200, headers=[("content-length", "3")]))
    assert sent == []
    if body:
        await send_event(protocol, h11.Data(data=body))
    await send_event(protocol, h11.EndOfMessage())
    assert len(sent) == 1
    assert sent[0].startswith(b"HTTP/1.1 200")
    assert sent[0].endswith(b"\r\n\r\n" + body)


async def test_a_body_in_pieces_is_sent_in_pieces() -> None:
    sent: list[bytes] = []

    async def send(event: RawData) -> None:
        sent.append(event.data)

    protocol = SimpleNamespace(connection=asked(b"GET"), send=send)
    send_event: Any = thrift.head_and_body_together(send)
    await send_event(protocol, h11.Response(status_code=200, headers=[("transfer-encoding", "chunked")]))
    for piece in (b"one", b"two"):
        await send_event(protocol, h11.Data(data=piece))
    await send_event(protocol, h11.EndOfMessage())
    assert [b"one" in data for data in sent] == [True, False, False]
    assert sent[2] == b"0\r\n\r\n"


async def test_only_a_full_queue_of_the_app_is_waited_for() -> None:
    bring, take = trio.open_memory_channel[int](1)

    async def original(*_: object) -> Callable[[int], Awaitable[None]]:
        return bring.send

    put = await thrift.no_waiting_for_room_that_is_there(original)(None, None, None, None, None)
    with trio.CancelScope() as scope:
        scope.cancel()
        await put(1)
    assert not scope.cancelled_caught
    order = Sequencer()

    async def second() -> None:
        async with order(0):
            pass
        with assert_checkpoints():
            await put(2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(second)
        async with order(1):
            assert await take.receive() == 1
    assert take.receive_nowait() == 2
