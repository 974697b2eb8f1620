"""Unit (pure), and where it is used: a pool whose workers cannot be started says so once."""

from __future__ import annotations

import asyncio

import pytest

from tests.servers.shortage import no_descriptors
from trio_lab import RestartLimitReached, open_worker_pool
from trio_lab.rarely import Rarely
from trio_lab.servers.asyncio import process
from trio_lab.servers.asyncio.processes import open_worker_pool as open_on_asyncio
from trio_lab.work import echo


def test_ten_seconds_lie_between_two_times() -> None:
    rarely = Rarely()
    assert [rarely.due(now) for now in (5.0, 5.0, 14.9, 15.0, 15.1, 40.0)] == [True, False, False, True, False, True]


async def test_a_worker_pool_whose_workers_cannot_be_started_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    async with open_worker_pool(size=3, command=["/no/such/program"]) as pool:
        with pytest.raises(RestartLimitReached):
            await pool.run(echo, 1)
    assert caplog.text.count("cannot start a worker") == 1


def test_the_asyncio_worker_pool_says_so_once_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, start = 0, process.Worker.start

    async def counted() -> process.Worker:
        nonlocal starts
        starts += 1
        return await start()

    async def test() -> None:
        with no_descriptors():
            async with open_on_asyncio(size=3, max_queue=None, queue_timeout=None, run_timeout=None):
                while starts < 6:  # each has failed once, and tries again
                    await asyncio.sleep(0.001)

    monkeypatch.setattr(process.Worker, "start", counted)

    asyncio.run(asyncio.wait_for(test(), 30))
    assert caplog.text.count("did not start") == 1
