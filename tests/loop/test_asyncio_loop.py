"""Unit: passes of an asyncio loop. To block it, a test moves the clock inside a callback; no test sleeps."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from trio_lab.loop.asyncio_loop import AsyncioPassMonitor, open_asyncio_pass_monitor, open_asyncio_timer_probe
from trio_lab.loop.loop_time import RESOLUTION, PassWindow
from trio_lab.loop.run_queue import RunQueue


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def monitored(clock: Clock) -> Iterator[AsyncioPassMonitor]:
    monitor = AsyncioPassMonitor(asyncio.get_running_loop(), clock)
    monitor.install()
    try:
        yield monitor
    finally:
        monitor.remove()


def in_loop(test: Callable[[Clock, AsyncioPassMonitor], Awaitable[None]]) -> Any:
    """Run a test in an asyncio loop that is measured by a clock of its own."""

    async def run() -> None:
        clock = Clock()
        with monitored(clock) as monitor:
            await test(clock, monitor)

    def test_in_loop() -> None:
        asyncio.run(run())

    test_in_loop.__name__ = test.__name__
    return test_in_loop


@in_loop
async def test_a_callback_that_blocks_is_a_long_pass(clock: Clock, monitor: AsyncioPassMonitor) -> None:
    clock.now += 0.3
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert monitor.busy.max == pytest.approx(0.3)


@in_loop
async def test_many_small_steps_are_one_long_pass(clock: Clock, monitor: AsyncioPassMonitor) -> None:
    async def small() -> None:
        clock.now += 0.001

    async with asyncio.TaskGroup() as group:
        for _ in range(200):
            group.create_task(small())
    await asyncio.sleep(0)
    assert monitor.busy.max == pytest.approx(0.2)


@in_loop
async def test_the_pass_that_asks_counts(clock: Clock, monitor: AsyncioPassMonitor) -> None:
    window = PassWindow(monitor)
    clock.now += 0.4
    assert window.read(reset=False).passes.max == pytest.approx(0.4)
    assert window.read(reset=True).record().max == pytest.approx(0.4)
    assert window.read(reset=True).record().max == 0


@in_loop
async def test_a_poll_is_no_pass(clock: Clock, monitor: AsyncioPassMonitor) -> None:
    window = PassWindow(monitor)
    clock.now += 1.0
    monitor.before_io_wait(10.0)
    clock.now += 3.0
    monitor.after_io_wait(10.0)
    assert window.read(reset=True).utilization == pytest.approx(0.25)
    statistics = RunQueue(monitor).statistics()
    assert (statistics.name, statistics.waiting, statistics.wait) == ("run_queue", None, None)


@in_loop
async def test_a_monitor_that_was_taken_out_says_that_it_is_blind(clock: Clock, monitor: AsyncioPassMonitor) -> None:
    assert monitor.blind is None
    del asyncio.get_running_loop()._selector.select  # type: ignore[attr-defined]
    assert monitor.blind is not None


def test_a_loop_without_a_selector_is_not_seen_and_not_harmed() -> None:
    class Foreign(asyncio.AbstractEventLoop):
        pass

    monitor = AsyncioPassMonitor(Foreign())
    monitor.install()
    assert monitor.blind is not None
    monitor.remove()


def test_the_loop_is_left_as_it_was_found() -> None:
    async def run() -> None:
        selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        before = dict(vars(selector))
        async with open_asyncio_pass_monitor() as monitor:
            await asyncio.sleep(0)
            assert monitor.busy.count > 0
        assert vars(selector) == before

    asyncio.run(run())


async def _polled(monitors: list[AsyncioPassMonitor]) -> list[int]:
    before = [monitor.busy.count for monitor in monitors]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return [monitor.busy.count - count for monitor, count in zip(monitors, before, strict=True)]


def test_what_other_code_has_put_around_the_poll_stays() -> None:
    async def run() -> None:
        selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        polls, select = [0], selector.select

        def counted(timeout: float | None = None) -> Any:
            polls[0] += 1
            return select(timeout)

        selector.select = counted
        async with open_asyncio_pass_monitor():
            await asyncio.sleep(0)
        assert selector.select is counted
        assert polls[0] > 0

    asyncio.run(run())


def test_what_other_code_puts_around_the_poll_meanwhile_stays() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        selector: Any = loop._selector  # type: ignore[attr-defined]
        first, second = (AsyncioPassMonitor(loop) for _ in range(2))
        first.install()
        timed = selector.select
        selector.select = put = functools.wraps(timed)(lambda timeout=None: timed(timeout))
        second.install()
        assert min(await _polled([first, second])) >= 2
        first.remove()
        second.remove()
        assert selector.select is put

    asyncio.run(run())


def test_a_monitor_that_is_installed_again_around_other_codes_wrapper_counts_each_poll_once() -> None:
    async def run() -> None:
        clock, loop = Clock(), asyncio.get_running_loop()
        selector: Any = loop._selector  # type: ignore[attr-defined]
        select, polls = selector.select, [0]

        def a_second(timeout: float | None = None) -> Any:
            clock.now += 1.0
            polls[0] += 1
            return select(0)

        selector.select = a_second
        monitor = AsyncioPassMonitor(loop, clock)
        monitor.install()
        timed = selector.select
        selector.select = lambda timeout=None: timed(timeout)
        assert monitor.blind is not None
        monitor.install_again()
        assert monitor.blind is None
        before, total, counted = polls[0], monitor.busy.total, monitor.busy.count
        for _ in range(3):
            await asyncio.sleep(0)
        assert (polls[0] - before, monitor.busy.count - counted) == (3, 3)
        assert monitor.busy.total - total == 2.0  # the third poll is part of this pass
        monitor.remove()
        await asyncio.sleep(0)
        assert monitor.busy.count - counted == 3

    asyncio.run(run())


@pytest.mark.parametrize("first_out", [0, 1])
def test_monitors_of_one_loop_come_and_go_in_any_order(first_out: int) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        before = dict(vars(loop._selector))  # type: ignore[attr-defined]
        monitors = [AsyncioPassMonitor(loop) for _ in range(2)]
        for monitor in monitors:
            monitor.install()
        assert min(await _polled(monitors)) >= 2
        monitors.pop(first_out).remove()
        [other] = monitors
        assert other.blind is None
        assert (await _polled([other]))[0] >= 2
        other.remove()
        assert vars(loop._selector) == before  # type: ignore[attr-defined]

    asyncio.run(run())


def test_a_poll_that_ends_when_it_was_due_is_no_oversleep() -> None:
    async def run() -> None:
        monitor = AsyncioPassMonitor(asyncio.get_running_loop())
        monitor.budget, overslept = 0.05, []
        monitor.on_overslept = lambda due, ended: overslept.append(ended - due)
        monitor.install()
        await asyncio.sleep(0.1)
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.1)  # a poll without a timeout
        monitor.remove()
        assert max(overslept, default=0.0) < 0.1

    asyncio.run(run())


def test_the_timer_probe_records_whole_intervals() -> None:
    async def run() -> None:
        async with open_asyncio_timer_probe() as probe:
            while probe.read(reset=False).count < 3:
                await asyncio.sleep(RESOLUTION)
            intervals = probe.read(reset=True)
            assert intervals.quantile(0.0) >= RESOLUTION * 0.95
            assert probe.read(reset=False).count == 0

    asyncio.run(run())


def test_a_cancellation_while_the_timer_probe_ends_is_not_lost() -> None:
    async def run() -> None:
        async def probed() -> None:
            async with open_asyncio_timer_probe():
                pass

        task = asyncio.create_task(probed())
        await asyncio.sleep(0)  # it has begun and waits for the end of the probe
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()

    asyncio.run(run())
