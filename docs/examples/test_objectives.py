"""Tests of a service by its objectives: how long a block of code may take, and how full a queue may be."""

import asyncio
from collections.abc import Callable

import pytest
from trio_lab import QueueFull
from trio_lab.admission.on_asyncio import Bulkhead
from trio_lab.testing.objectives import Objectives


async def answer(seconds: float) -> None:
    await asyncio.sleep(seconds)


@pytest.mark.slo("p99<200ms,ok>95%")
def test_answers_are_quick(slo: Objectives) -> None:
    async def client() -> None:
        for _ in range(20):
            with slo.timed():
                await answer(0.001)

    asyncio.run(client())


@pytest.mark.slo("p99<200ms,pool<80%")
def test_there_is_a_place_for_each(slo: Objectives, bulkhead: Callable[..., Bulkhead]) -> None:
    async def serve() -> None:
        database = bulkhead("database", capacity=4, max_waiting=0)
        async with asyncio.TaskGroup() as clients:
            for _ in range(2):
                clients.create_task(client(database))

    async def client(database: Bulkhead) -> None:
        with slo.timed():
            async with database.place():
                await answer(0.001)

    asyncio.run(serve())


def test_a_full_queue_refuses(bulkhead: Callable[..., Bulkhead]) -> None:
    async def serve() -> None:
        database = bulkhead("database", capacity=1, max_waiting=0)
        async with database.place():
            with pytest.raises(QueueFull):
                await database.enter()

    asyncio.run(serve())
