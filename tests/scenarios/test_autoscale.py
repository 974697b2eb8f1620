"""Autoscale up and down: a minute of more jobs than one worker can do, between calm."""

from __future__ import annotations

import trio

from trio_lab.pools.autoscaler import open_autoscaler
from trio_lab.testing import Arrivals, Callers, VirtualOptions, open_virtual_pool
from trio_lab.work import echo


async def test_workers_come_one_by_one_while_many_wait_and_go_when_nothing_does(autojump_clock: object) -> None:
    options = VirtualOptions(size=4, max_queue=1_000, takes=0.1, start=0.1)
    async with (
        open_virtual_pool(options) as pool,
        open_autoscaler(pool, loop_lag=lambda: 0.0, free_cores=lambda: 1.0) as autoscaler,
    ):
        callers = Callers(lambda: pool.run(echo, 1))
        # One worker does ten a second.
        await callers.come(Arrivals(kind="constant", rate=5.0), seconds=10.0)
        await callers.come(Arrivals(kind="constant", rate=35.0), seconds=20.0)
        await trio.sleep(20.0)
        decisions = autoscaler.decisions

    sizes = [(decision.at, decision.wanted) for decision in decisions if decision.wanted != decision.signals.size]
    # 25 too many come a second. From the fourth second on over a hundred wait, and a worker is added with each look, twice a
    # second. When the queue is empty and a worker has been idle for three seconds, one goes; and so on.
    assert sizes == [(14.0, 2), (14.5, 3), (15.0, 4), (34.0, 3), (37.5, 2), (41.0, 1)]
    assert callers.count("served") == 5 * 10 + 35 * 20


async def test_a_late_loop_and_a_full_machine_keep_it_small(autojump_clock: object) -> None:
    options = VirtualOptions(size=4, max_queue=1_000, takes=0.1)
    for lag, cores in ((0.05, 1.0), (0.0, 0.1)):
        async with (
            open_virtual_pool(options) as pool,
            open_autoscaler(pool, loop_lag=lambda lag=lag: lag, free_cores=lambda cores=cores: cores),  # type: ignore[misc]
        ):
            await Callers(lambda: pool.run(echo, 1)).come(Arrivals(kind="constant", rate=35.0), seconds=20.0)
            assert pool.size == 1
