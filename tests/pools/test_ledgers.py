"""Scenarios: what the pools write into the ledger of a request, against what they say of themselves."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from trio_lab.errors import BrokenWorkerError, QueueTimeout, RunTimeout
from trio_lab.measure.ledger import LEDGER, Ledger
from trio_lab.pools.native import NativePool, open_native_pool
from trio_lab.pools.workers import WorkerPool, open_worker_pool


@pytest.fixture
async def native_pool() -> AsyncIterator[NativePool]:
    async with open_native_pool(size=1) as pool:
        yield pool


@pytest.fixture
async def worker_pool() -> AsyncIterator[WorkerPool]:
    async with open_worker_pool(size=1) as pool:
        await pool.wait_ready()
        yield pool


def opened() -> Ledger:
    ledger = Ledger("GET /", now=trio.current_time)
    LEDGER.set(ledger)
    return ledger


async def two_after_each_other(pool: NativePool | WorkerPool) -> list[Ledger]:
    ledgers = []

    async def one() -> None:
        ledger = opened()
        await pool.run(time.sleep, 0.1)
        ledger.close()
        ledgers.append(ledger)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        nursery.start_soon(one)
    return ledgers


@pytest.mark.parametrize("kind", ["native_pool", "worker_pool"])
async def test_wait_and_run_are_told_apart(kind: str, native_pool: NativePool, worker_pool: WorkerPool) -> None:
    pool = native_pool if kind == "native_pool" else worker_pool
    for ledger in (ledgers := await two_after_each_other(pool)):
        assert ledger.parts["run"] >= 0.1
        assert ledger.parts["spawn"] > 0
        assert sum(ledger.parts.values()) == pytest.approx(ledger.total)
    waits = pool.statistics().wait
    assert waits is not None
    assert [ledger.parts.get("queue", 0.0) for ledger in ledgers] == pytest.approx([0.0, waits.max], abs=1e-6)


async def test_a_wait_for_nothing_is_a_wait(native_pool: NativePool) -> None:
    go = threading.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(native_pool.run, go.wait)
        await trio.testing.wait_all_tasks_blocked()
        try:
            await check_refused(native_pool)
        finally:
            go.set()


async def test_a_wait_for_no_worker_is_a_wait(worker_pool: WorkerPool) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker_pool.run, time.sleep, 60)  # its worker ends with the pool
        await trio.testing.wait_all_tasks_blocked()
        await check_refused(worker_pool)
        nursery.cancel_scope.cancel()


async def check_refused(pool: NativePool | WorkerPool) -> None:
    ledger = opened()
    with pytest.raises(QueueTimeout):
        await pool.run(time.sleep, 0, queue_timeout=0.05)
    ledger.close()
    assert ledger.parts["queue"] >= 0.05
    assert ledger.parts.keys() <= {"queue", "loop"}


async def test_a_job_that_is_lost_ran_until_then(worker_pool: WorkerPool) -> None:
    ledger = opened()
    with pytest.raises(RunTimeout):
        await worker_pool.run(time.sleep, 60, run_timeout=0.1)
    assert ledger.parts["spawn"] + ledger.parts["run"] >= 0.1
    ledger = opened()
    with pytest.raises(BrokenWorkerError):
        await worker_pool.run(os._exit, 3)
    assert ledger.parts["run"] > 0


async def test_a_thread_that_was_left_behind_is_told_until_then(native_pool: NativePool) -> None:
    go, ledger = threading.Event(), opened()
    with trio.move_on_after(0.05):
        await native_pool.run(go.wait, abandon_on_cancel=True)
    ledger.close()
    assert ledger.parts["run"] + ledger.parts["spawn"] >= 0.05
    assert native_pool.abandoned == 1
    go.set()
