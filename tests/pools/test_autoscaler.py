"""Collaboration: the autoscaler with a fake pool under a mock clock, and with the real pool and no load."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

import trio_lab
from trio_lab.loop.passes import PassMonitor, open_pass_monitor
from trio_lab.pools.autoscaler import Autoscaler, longest_pass, open_autoscaler
from trio_lab.pools.limits import PoolLimits
from trio_lab.records.queue import QueueStatistics


class FakePool:
    """A pool whose workers are there as soon as they are wanted."""

    def __init__(self, size: int) -> None:
        self.name = "worker_pool"
        self.limits = PoolLimits(size=size)
        self.size = size
        self.waiting = 0
        self.busy: int | None = 0
        self.sizes: list[int] = []

    @property
    def ready(self) -> int:
        return self.size

    def resize(self, size: int) -> None:
        assert 1 <= size <= self.limits.size
        self.size = size
        self.sizes.append(size)

    def statistics(self) -> QueueStatistics:
        return QueueStatistics(name=self.name, in_service=self.busy, waiting=self.waiting)


class World:
    """What the autoscaler is told besides."""

    def __init__(self) -> None:
        self.lag = 0.001
        self.cores: float | None = 1.0


@asynccontextmanager
async def scaled(pool: FakePool, world: World) -> AsyncIterator[Autoscaler]:
    async with open_autoscaler(
        pool, loop_lag=lambda: world.lag, free_cores=lambda: world.cores, period=1.0, idle_after=3.0
    ) as autoscaler:
        yield autoscaler


async def test_it_begins_small_and_grows_by_one_a_period(autojump_clock) -> None:
    pool = FakePool(3)
    async with scaled(pool, World()) as autoscaler:
        assert pool.size == 1
        pool.waiting, pool.busy = 150, 1
        await trio.sleep(4.5)
    assert pool.sizes == [1, 2, 3]
    assert [decision.wanted for decision in autoscaler.decisions] == [2, 3, 3, 3]
    last = autoscaler.decisions[-1]
    assert (last.pool, last.reason) == ("worker_pool", "as large as it may be")
    assert (last.signals.queued_jobs, last.signals.busy, last.signals.idle_for) == (150, 1, 0.0)


@pytest.mark.parametrize(
    ("lag", "cores", "waiting"),
    [(0.03, 1.0, 150), (math.inf, 1.0, 150), (0.0, 0.1, 150), (0.0, None, 150), (0, 1, 100)],
)
async def test_it_does_not_grow_in_vain(autojump_clock, lag: float, cores: float | None, waiting: int) -> None:
    pool, world = FakePool(3), World()
    world.lag, world.cores = lag, cores
    async with scaled(pool, world) as autoscaler:
        pool.waiting, pool.busy = waiting, 1
        await trio.sleep(5.5)
    assert pool.size == 1
    assert len(autoscaler.decisions) == 5
    assert {decision.signals.loop_lag for decision in autoscaler.decisions} == {lag}


async def test_it_shrinks_by_one_for_each_time_of_idleness(autojump_clock) -> None:
    pool = FakePool(3)
    async with scaled(pool, World()) as autoscaler:
        pool.waiting, pool.busy = 150, 3
        await trio.sleep(2.5)
        pool.waiting, pool.busy = 0, 1
        await trio.sleep(20)
    assert pool.sizes == [1, 2, 3, 2, 1]
    shrunk = [decision.at for decision in autoscaler.decisions if decision.wanted < decision.signals.size]
    assert shrunk[1] - shrunk[0] >= 3.0


async def test_a_job_that_waits_ends_the_idleness(autojump_clock) -> None:
    pool = FakePool(2)
    async with scaled(pool, World()):
        pool.waiting, pool.busy = 150, 1
        await trio.sleep(1.5)
        for _ in range(10):
            pool.waiting = 0
            await trio.sleep(2)
            pool.waiting = 1
            await trio.sleep(1)
        assert pool.size == 2


async def test_workers_that_are_all_busy_are_not_given_up(autojump_clock) -> None:
    pool = FakePool(2)
    async with scaled(pool, World()):
        pool.waiting, pool.busy = 150, 2
        await trio.sleep(1.5)
        pool.waiting = 0
        await trio.sleep(20)
        assert pool.size == 2


async def test_it_looks_twice_a_second_and_gives_a_worker_up_after_three_seconds(autojump_clock) -> None:
    pool = FakePool(2)
    async with open_autoscaler(pool, loop_lag=float, free_cores=lambda: 1.0) as autoscaler:
        pool.waiting = 150
        await trio.sleep(0.6)
        pool.waiting = 0
        await trio.sleep(5.0)
    began = autoscaler.decisions[0].at - 0.5
    assert [decision.at - began for decision in autoscaler.decisions] == pytest.approx([n / 2 for n in range(1, 12)])
    assert next(decision.at - began for decision in autoscaler.decisions if decision.wanted == 1) == pytest.approx(4.0)


async def test_the_decisions_kept_are_bounded(autojump_clock) -> None:
    async with scaled(FakePool(2), World()) as autoscaler:
        await trio.sleep(249.5)
    assert len(autoscaler.decisions) == 100
    assert [decision.number for decision in autoscaler.decisions] == list(range(150, 250))


async def test_a_pool_that_does_not_tell_how_many_are_busy_is_idle_when_nobody_waits(autojump_clock) -> None:
    pool = FakePool(2)
    pool.busy = None
    async with scaled(pool, World()) as autoscaler:
        await trio.sleep(2.5)
    assert [(one.signals.busy, one.signals.idle_for) for one in autoscaler.decisions] == [(0, 0.0), (0, 1.0)]


async def test_a_pool_may_be_kept_at_one_size(autojump_clock) -> None:
    pool = FakePool(2)
    async with open_autoscaler(pool, loop_lag=float, free_cores=lambda: 1.0, largest=1):
        pool.waiting = 150
        await trio.sleep(5)
    assert set(pool.sizes) <= {1}


async def test_no_more_workers_are_wanted_than_the_pool_has() -> None:
    with pytest.raises(ValueError, match="largest must be at most"):
        async with open_autoscaler(FakePool(2), loop_lag=float, free_cores=float, largest=3):
            pass


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"smallest": 0}, "smallest must be at least 1"),
        ({"smallest": 2, "largest": 1}, "largest must be at least 2"),
        ({"idle_after": 0.0}, "idle_after is in seconds"),
        ({"period": 0.0}, "period is in seconds"),
    ],
)
async def test_an_option_that_makes_no_sense_is_named(option: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        async with open_autoscaler(FakePool(2), loop_lag=float, free_cores=float, **option):
            pass


async def test_options_may_be_under_a_second() -> None:
    pool = FakePool(2)
    async with open_autoscaler(pool, loop_lag=float, free_cores=float, idle_after=0.5, period=0.5):
        assert pool.sizes == [1]


async def test_two_rules_for_one_pool_are_a_mistake() -> None:
    pool = FakePool(2)
    pool.limits = PoolLimits(size=2, min_size=1)
    with pytest.raises(ValueError, match="by itself"):
        async with open_autoscaler(pool, loop_lag=float, free_cores=float):
            pass


async def test_a_real_pool_starts_only_what_is_wanted_and_stays_so() -> None:
    async with (
        trio_lab.open_worker_pool(size=2) as pool,
        open_autoscaler(pool, loop_lag=float, free_cores=float) as autoscaler,
    ):
        await pool.wait_ready()
        assert (pool.size, pool.ready, len(pool.pids())) == (1, 1, 1)
        assert await pool.run(divmod, 7, 2) == (3, 1)
        assert "now 1" in repr(autoscaler)


async def test_the_longest_pass_since_it_was_last_asked() -> None:
    now = 100.0
    monitor = PassMonitor(clock=lambda: now)
    monitor.install()
    read = longest_pass(monitor)
    now += 0.05
    await trio.lowlevel.checkpoint()
    assert read() == pytest.approx(0.05)
    await trio.lowlevel.checkpoint()
    assert read() == 0.0
    monitor.remove()


async def test_a_blind_monitor_does_not_look_like_an_idle_loop(caplog: pytest.LogCaptureFixture) -> None:
    async with open_pass_monitor() as monitor:
        read = longest_pass(monitor)
        await trio.lowlevel.checkpoint()
        assert math.isfinite(read())
        trio.lowlevel.remove_instrument(monitor)
        with trio.fail_after(30):
            while read() != math.inf:  # it was told of a poll a moment ago, and is asked for only when that is over
                await trio.sleep(0.01)
