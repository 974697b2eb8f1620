"""Unit: when a connection counts as idle, on a loop whose time passes only while nothing else happens."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.worker_context import EventWrapper

from trio_lab.servers.asyncio.idle_time import IdleTime

SECONDS = 5.0


class Jumping(asyncio.SelectorEventLoop):
    now = 0.0

    def __init__(self) -> None:
        loop = self

        class Selector(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> Any:
                loop.now += timeout or 0.0
                return super().select(0)

        super().__init__(Selector())

    def time(self) -> float:
        return self.now


class Idle:
    """An idle time in a group of its own, and when its connection was closed."""

    closed_at: float | None = None

    async def close(self) -> None:
        assert self.closed_at is None
        self.closed_at = asyncio.get_running_loop().time()

    async def idle(self) -> None:
        await self.time.restart(self.tasks, None)

    async def main(self, story: Callable[[Idle], Awaitable[None]] | None) -> float | None:
        self.terminated = EventWrapper()
        self.time = IdleTime(SECONDS, self.terminated, self.close)
        async with TaskGroup(asyncio.get_running_loop()) as tasks:
            self.tasks = tasks
            await self.idle()
            if story is not None:
                await story(self)
        return self.closed_at

    def run(self, story: Callable[[Idle], Awaitable[None]] | None = None) -> Any:
        """Start it, tell the story, wait until no task of it is left; when it closed."""
        with asyncio.Runner(loop_factory=Jumping) as runner:
            return runner.run(self.main(story))


def test_a_connection_that_asks_nothing_is_closed_in_time() -> None:
    assert Idle().run() == pytest.approx(SECONDS)


def test_each_reply_starts_the_idle_time_anew_and_no_other_task() -> None:
    async def three_requests(idle: Idle) -> None:
        for _ in range(3):
            await asyncio.sleep(SECONDS - 1)
            await idle.time.stop()
            await asyncio.sleep(0.5)
            await idle.idle()
            assert len(asyncio.all_tasks()) == 2

    assert Idle().run(three_requests) == pytest.approx(3 * (SECONDS - 0.5) + SECONDS)


def test_a_request_in_flight_is_not_idle() -> None:
    async def long_request(idle: Idle) -> None:
        await idle.time.stop()
        await asyncio.sleep(10 * SECONDS)
        assert idle.closed_at is None
        await idle.idle()

    assert Idle().run(long_request) == pytest.approx(11 * SECONDS)


@pytest.mark.parametrize("in_flight", [False, True])
def test_at_the_end_of_the_server_it_is_closed_if_it_is_idle(in_flight: bool) -> None:
    async def end(idle: Idle) -> None:
        await asyncio.sleep(1)
        if in_flight:
            await idle.time.stop()
        await idle.terminated.set()

    assert Idle().run(end) == (None if in_flight else pytest.approx(1))


def test_a_connection_that_is_idle_only_after_the_servers_end_is_closed_then() -> None:
    async def end_during_a_request(idle: Idle) -> None:
        await idle.time.stop()
        await idle.terminated.set()
        await asyncio.sleep(1)
        await idle.idle()

    assert Idle().run(end_during_a_request) == pytest.approx(1)


def test_nothing_starts_the_idle_time_after_the_end() -> None:
    async def end(idle: Idle) -> None:
        idle.time.end()
        await idle.idle()

    assert Idle().run(end) is None


def test_a_connection_that_is_being_closed_is_closed_though_it_ends_meanwhile() -> None:
    class Slow(Idle):
        async def close(self) -> None:
            await asyncio.sleep(1)
            await super().close()

    async def end(idle: Idle) -> None:
        await asyncio.sleep(SECONDS + 0.5)
        idle.time.end()
        await asyncio.sleep(1)

    assert Slow().run(end) == pytest.approx(SECONDS + 1)
