"""Unit: executors that nobody registered, as queues. Jobs are held by an event, so that counts stand still."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from multiprocessing import get_context
from typing import Any

import anyio.to_thread
import pytest
import trio

from trio_lab import Bulkhead, observe
from trio_lab.loop.asyncio_threads import AnyioLimiter, DefaultExecutor
from trio_lab.loop.executors import Executors
from trio_lab.records.queue import QueueStatistics

from .test_observe_asyncio import on_asyncio, on_both

State = tuple[str, int | None, int | None, int | None]


def state(found: QueueStatistics) -> State:
    assert (found.arrivals, found.completions, found.wait, found.service, found.max_waiting) == (None,) * 5
    return found.name, found.capacity, found.in_service, found.waiting


def states(found: Executors, prefix: str) -> list[State]:
    told = [state(queue.statistics()) for queue in found.queues()]
    return [one for one in told if one[0].startswith(prefix)]


@contextmanager
def holding(executor: ThreadPoolExecutor, jobs: int) -> Iterator[None]:
    """As many jobs as may run have begun, and stay."""
    begun, go_on = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        begun.release()
        go_on.wait()

    ended = [executor.submit(hold) for _ in range(jobs)]
    for _ in range(min(jobs, executor._max_workers)):
        begun.acquire()
    try:
        yield
    finally:
        go_on.set()
        for one in ended:
            one.result()


def test_threads_are_found_with_the_jobs_that_wait() -> None:
    found = Executors()
    with ThreadPoolExecutor(2, "found") as executor:
        assert states(found, "found") == []  # it has had no job
        with holding(executor, 5):
            assert states(found, "found") == [("found", 2, 2, 3)]
        with holding(executor, 1):
            assert states(found, "found") == [("found", 2, 1 if sys.version_info >= (3, 12) else None, 0)]
    assert states(found, "found") == []  # it was shut down


def test_threads_that_are_not_all_started_are_counted() -> None:
    with ThreadPoolExecutor(9, "some") as executor, holding(executor, 3):
        assert states(Executors(), "some") == [("some", 9, 3, 0)]


def test_an_executor_that_comes_later_is_found_and_none_twice() -> None:
    found = Executors()
    with ThreadPoolExecutor(2, "later a") as first, holding(first, 2):
        assert [name for name, *_ in states(found, "later")] == ["later a"]
        with ThreadPoolExecutor(1, "later b") as second, holding(second, 1):
            for _ in "ab":
                assert [name for name, *_ in states(found, "later")] == ["later a", "later b"]
        assert [name for name, *_ in states(found, "later")] == ["later a"]


def test_the_register_is_read_again_only_when_a_thread_was_added(monkeypatch: pytest.MonkeyPatch) -> None:
    found, read = Executors(), []
    monkeypatch.setattr(found._threads, "_executor_of", lambda thread: read.append(thread) or thread._args[0]())
    with ThreadPoolExecutor(2, "rare") as executor:
        with holding(executor, 1):
            found.queues()
            first = len(read)
            found.queues()
            assert len(read) == first > 0
        with holding(executor, 2):
            found.queues()
            assert len(read) == first + 1


def test_no_executor_is_kept_alive() -> None:
    found, executor = Executors(), ThreadPoolExecutor(1, "forgotten")
    executor.submit(int).result()
    assert len(states(found, "forgotten")) == 1
    del executor
    gc.collect()
    assert states(found, "forgotten") == []


def test_processes_are_found_with_the_jobs_that_wait() -> None:
    found = Executors()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        for _ in range(3):
            executor.submit(os.getpid)
        assert states(found, "Process") == [("ProcessPoolExecutor", 1, 1, 2)]
        executor.shutdown(cancel_futures=True)
    assert states(found, "Process") == []


def test_a_library_with_other_registers_is_not_seen_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(1, "unseen") as executor, holding(executor, 1):
        monkeypatch.setattr("concurrent.futures.thread._threads_queues", object())
        assert states(Executors(), "unseen") == []
        monkeypatch.undo()
    with ThreadPoolExecutor(1, "seen") as executor, holding(executor, 1):
        assert states(Executors(), "seen") != []
        monkeypatch.setitem(sys.modules, "concurrent.futures.thread", None)
        assert states(Executors(), "seen") == []
        monkeypatch.undo()


@asynccontextmanager
async def busy_threads(call: Callable[[Callable[[], Any]], Any], jobs: int, running: int) -> AsyncIterator[None]:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        begun.release()
        go_on.wait()

    tasks = [asyncio.ensure_future(call(hold)) for _ in range(jobs)]
    for _ in range(running):
        while not begun.acquire(blocking=False):
            await asyncio.sleep(0)
    try:
        yield
    finally:
        go_on.set()
        await asyncio.gather(*tasks)


def told_outside_of_a_task(read: Callable[[], Any]) -> asyncio.Future[Any]:
    """As the doctor asks: in a callback."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[Any] = loop.create_future()
    loop.call_soon(lambda: told.set_result(read()))
    return told


@on_both
async def test_the_default_executor_of_the_loop_is_a_queue() -> None:
    queue = DefaultExecutor(asyncio.get_running_loop())
    assert state(queue.statistics()) == ("default_executor", None, 0, 0)
    await asyncio.to_thread(int)
    size = queue.executor()._max_workers
    async with busy_threads(asyncio.to_thread, size + 3, size):
        assert state(queue.statistics()) == ("default_executor", size, size, 3)


@on_both
async def test_anyios_default_limiter_is_a_queue() -> None:
    queue = AnyioLimiter(asyncio.get_running_loop())
    assert state(queue.statistics()) == ("default_limiter", None, 0, 0)
    await anyio.to_thread.run_sync(int)
    anyio.to_thread.current_default_thread_limiter().total_tokens = 2
    async with busy_threads(anyio.to_thread.run_sync, 5, 2):
        found = await told_outside_of_a_task(queue.statistics)
        assert state(found) == ("default_limiter", 2, 2, 3)


@on_both
async def test_a_watch_tells_the_queues_of_its_loop_in_order() -> None:
    async with observe() as watch:
        with ThreadPoolExecutor(1, "own") as own, ThreadPoolExecutor(1, "own") as other:
            for executor in (own, other):
                executor.submit(int).result()
            await asyncio.to_thread(int)
            names = [queue.name for queue in watch.queues()]
    assert names[:3] == ["run_queue", "default_limiter", "default_executor"]
    assert [name for name in names if name.startswith(("own", "asyncio"))] == ["own", "own#2"]


async def test_a_watch_on_trio_tells_its_queues_too() -> None:
    bulkhead = Bulkhead("database", capacity=2)
    with ThreadPoolExecutor(1, "beside") as executor:
        executor.submit(int).result()
        async with observe() as watch:
            found = {queue.name: queue for queue in watch.queues()}
    assert [name for name in found if name in ("run_queue", "default_limiter", "database", "beside")] == [
        "run_queue",
        "default_limiter",
        "database",
        "beside",
    ]
    assert found["default_limiter"].capacity == trio.to_thread.current_default_thread_limiter().total_tokens
    assert bulkhead.capacity == found["database"].capacity


@on_asyncio
async def test_a_default_executor_of_another_kind_is_not_observed() -> None:
    loop: Any = asyncio.get_running_loop()
    executor = loop._default_executor = ThreadPoolExecutor(1)  # as a subclass that keeps its jobs elsewhere
    jobs = executor._work_queue
    del executor._work_queue
    assert DefaultExecutor(loop).statistics() == QueueStatistics(name="default_executor", kinds=())
    executor._work_queue = jobs
