"""Unit: when a connection counts as idle, on a mock clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import EventWrapper

from trio_lab.servers.trio.idle_time import IdleTime

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


async def test_a_connection_that_is_idle_only_after_the_servers_end_is_closed_then(autojump_clock: object) -> None:
    idle = Idle()

    async def end_during_a_request() -> None:
        await idle.time.stop()
        await idle.terminated.set()
        await trio.sleep(1)
        await idle.idle()

    assert await idle.run(end_during_a_request) == pytest.approx(1)


async def test_nothing_starts_the_idle_time_after_the_end(autojump_clock: object) -> None:
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
