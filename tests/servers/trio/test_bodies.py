"""Unit: request bodies that are read, with a virtual clock: their progress, and their memory."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_lab.errors import QueueFull
from trio_lab.servers.trio.bodies import LEAST, PATIENCE, BadBody, BodyMemory, LabBody


def body(
    memory: BodyMemory | None = None, *, limit: int = 10**6, length: int | None = None, want: Any = None
) -> LabBody:
    return LabBody(memory or BodyMemory(), limit=limit, length=length, want=want)


async def whole(body: LabBody) -> int:
    return len(await body)


async def streamed(body: LabBody) -> int:
    with body.streamed(1000) as pieces:
        return sum([len(piece) async for piece in pieces])


READERS = pytest.mark.parametrize("read", [whole, streamed])


async def send(body: LabBody, pieces: list[bytes], *, every: float) -> None:
    for piece in pieces:
        await trio.sleep(every)
        body.append(piece)
    body.set_complete()


@READERS
async def test_a_body_that_makes_progress_may_take_as_long_as_it_needs(read: Any, autojump_clock: MockClock) -> None:
    sent, begun = body(), trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: send(sent, [b"a" * (LEAST // 2)] * 20, every=PATIENCE / 2.1))
        assert await read(sent) == LEAST * 10
    assert trio.current_time() > begun + 5 * PATIENCE


@READERS
@pytest.mark.parametrize("piece", [b"", b"a"], ids=["pauses", "one byte a second"])
async def test_a_body_that_does_not_is_a_408(read: Any, piece: bytes, autojump_clock: MockClock) -> None:
    sent, begun = body(), trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: send(sent, [piece] * 1000, every=1.0))
        with pytest.raises(BadBody) as refused:
            await read(sent)
        assert refused.value.status == 408
        assert trio.current_time() == pytest.approx(begun + PATIENCE, abs=0.01)
        nursery.cancel_scope.cancel()


@READERS
async def test_a_byte_that_comes_while_the_loop_is_late_is_too_late(read: Any, autojump_clock: MockClock) -> None:
    sent = body()

    async def send_late() -> None:
        await trio.sleep(PATIENCE - 0.5)
        sent.append(b"a")
        autojump_clock.jump(1.0)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_late)
        with pytest.raises(BadBody) as refused:
            await read(sent)
    assert refused.value.status == 408


@READERS
async def test_a_fast_beginning_does_not_pay_for_a_pause(read: Any, autojump_clock: MockClock) -> None:
    sent, begun = body(), trio.current_time()
    sent.append(b"a" * 900_000)
    with pytest.raises(BadBody):
        await read(sent)
    assert trio.current_time() <= begun + 2 * PATIENCE


async def test_the_time_that_the_reader_takes_for_itself_does_not_count(autojump_clock: MockClock) -> None:
    sent = body()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: send(sent, [b"abc"] * 10, every=PATIENCE / 20))
        with sent.streamed(1) as pieces:
            async for _ in pieces:
                await trio.sleep(PATIENCE * 2)


async def test_all_bodies_share_one_memory_and_give_it_back() -> None:
    memory = BodyMemory(capacity=100)
    first, second, third = body(memory), body(memory), body(memory)
    first.append(b"a" * 60)
    second.append(b"a" * 60)
    with pytest.raises(QueueFull, match="body_memory is full"):
        await second
    third.append(b"a" * 40)
    third.set_complete()
    assert memory.held == 100
    assert len(await third) == 40
    for each in (first, second, third):
        each.close()
        each.append(b"too late")
    assert memory.held == 0


async def test_a_body_that_will_not_fit_is_refused_before_it_is_asked_for() -> None:
    asked: list[bool] = []

    async def want() -> None:
        asked.append(True)

    memory = BodyMemory(capacity=100)
    memory.take(60)
    with pytest.raises(QueueFull):
        await body(memory, length=41, want=want)
    assert not asked
    fits = body(memory, length=40, want=want)
    fits.set_complete()
    await fits
    await fits  # it is asked for once
    assert asked == [True]


async def test_a_stream_holds_what_was_not_taken_yet() -> None:
    memory = BodyMemory(capacity=100)
    sent = body(memory)
    sent.append(b"a" * 60)
    with sent.streamed(1000) as pieces:
        assert len(await anext(pieces)) == 60
        assert memory.held == 0
        sent.append(b"a" * 101)
        with pytest.raises(QueueFull):
            await anext(pieces)
    assert memory.held == 0


@READERS
async def test_a_body_over_its_limit_is_a_413_and_is_not_kept(read: Any) -> None:
    memory = BodyMemory()
    sent = body(memory, limit=10)
    sent.append(b"a" * 6)
    sent.append(b"a" * 6)
    assert memory.held == 0
    with pytest.raises(BadBody) as refused:
        await read(sent)
    assert refused.value.status == 413
