"""Contract: what the body of an async context manager of this library raises leaves it unchanged."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest
import trio

import trio_lab
from trio_lab.admission.on_asyncio import Bulkhead as AsyncioBulkhead
from trio_lab.blocks import block
from trio_lab.config import Config
from trio_lab.errors import QueueFull
from trio_lab.loop.asyncio_loop import open_asyncio_pass_monitor, open_asyncio_timer_probe
from trio_lab.loop.lag_detector import open_lag_detector
from trio_lab.loop.timer_probe import open_timer_probe
from trio_lab.pools.autoscaler import open_autoscaler
from trio_lab.servers.asyncio import lab as asyncio_server
from trio_lab.servers.asyncio import processes, threads
from trio_lab.servers.trio import lab as trio_server

Opener = Callable[[], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True)
class Frozen(Exception):
    """Forbids everything that is set on it."""

    code: int


class OfTheUsersOwn(BaseException):
    pass


@block
async def autoscaled() -> AsyncIterator[object]:
    async with (
        trio_lab.open_worker_pool(size=1) as pool,
        open_autoscaler(pool, loop_lag=lambda: 0.0, free_cores=lambda: None) as scaler,
    ):
        yield scaler


SLIM = Config(workers=1, threads=1)
BODIES: list[Callable[[], BaseException]] = [
    lambda: QueueFull("a queue"),
    lambda: Frozen(7),
    lambda: ExceptionGroup("of the body", [QueueFull("a queue"), ValueError()]),
    lambda: BaseExceptionGroup("alone", [KeyboardInterrupt()]),
    StopIteration,
    StopAsyncIteration,
    GeneratorExit,
    OfTheUsersOwn,
]
ON_TRIO: dict[str, Opener] = {
    "worker pool": lambda: trio_lab.open_worker_pool(size=1),
    "native pool": trio_lab.open_native_pool,
    "observe": trio_lab.observe,
    "pass monitor": trio_lab.open_pass_monitor,
    "timer probe": open_timer_probe,
    "lag detector": open_lag_detector,
    "place": lambda: trio_lab.Bulkhead("one", capacity=1).place(),
    "autoscaler": autoscaled,
    "lab": lambda: trio_server.open_lab(SLIM),
}
UNBOUNDED: dict[str, Any] = {"max_queue": None, "queue_timeout": None, "run_timeout": None}
ON_ASYNCIO: dict[str, Opener] = {
    "worker pool": lambda: processes.open_worker_pool(size=1, **UNBOUNDED),
    "native pool": lambda: threads.open_native_pool(size=1, **UNBOUNDED),
    "pass monitor": open_asyncio_pass_monitor,
    "timer probe": open_asyncio_timer_probe,
    "place": lambda: AsyncioBulkhead("one", capacity=1).place(),
    "lab": lambda: asyncio_server.open_lab(SLIM),
}


async def leave_by(error: BaseException, opener: Opener, before: Callable[[], None] = lambda: None) -> None:
    """The very same exception comes out, with what it had. ``before`` is called in the body."""
    notes = getattr(error, "__notes__", None)
    try:
        async with opener():
            before()
            raise error
    except BaseException as raised:
        assert raised is error  # noqa: PT017
        assert (raised.__cause__, getattr(raised, "__notes__", None)) == (None, notes)  # noqa: PT017
    else:
        raise AssertionError("the block swallowed it")


@pytest.mark.parametrize("opener", ON_TRIO.values(), ids=ON_TRIO)
async def test_an_exception_leaves_a_block_on_trio_as_it_is(opener: Opener) -> None:
    for body in BODIES:
        await leave_by(body(), opener)
    await leave_by(KeyboardInterrupt(), opener)


@pytest.mark.parametrize("opener", ON_ASYNCIO.values(), ids=ON_ASYNCIO)
def test_an_exception_leaves_a_block_on_asyncio_as_it_is(opener: Opener) -> None:
    async def main() -> None:
        for body in BODIES:
            await leave_by(body(), opener)
        await leave_by(KeyboardInterrupt(), opener)

    asyncio.run(main())


@pytest.mark.parametrize("opener", ON_TRIO.values(), ids=ON_TRIO)
async def test_a_cancellation_passes_a_block_on_trio(opener: Opener) -> None:
    with trio.CancelScope() as scope:
        async with opener():
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


@pytest.mark.parametrize("opener", ON_TRIO.values(), ids=ON_TRIO)
async def test_an_error_in_a_cancelled_block_is_the_error(opener: Opener) -> None:
    with trio.CancelScope() as scope:
        await leave_by(QueueFull("a queue"), opener, scope.cancel)


@pytest.mark.parametrize("opener", ON_ASYNCIO.values(), ids=ON_ASYNCIO)
def test_a_cancellation_passes_a_block_on_asyncio(opener: Opener) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def work() -> None:
            async with opener():
                begun.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize("opener", ON_TRIO.values(), ids=ON_TRIO)
def test_ctrl_c_in_the_body_comes_out_alone(opener: Opener) -> None:
    async def main() -> None:
        async with opener():
            signal.raise_signal(signal.SIGINT)
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)


def test_ctrl_c_while_a_block_closes_comes_out_alone_and_cleans_up() -> None:
    cleaned = []

    @block
    async def closing() -> AsyncIterator[None]:
        async with trio.open_nursery():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                yield
                signal.raise_signal(signal.SIGINT)  # held back until the nursery waits
                cleaned.append(True)

    async def main() -> None:
        async with closing():
            pass

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert cleaned == [True]


@block
async def failing(*errors: BaseException) -> AsyncIterator[trio.CancelScope]:
    """Its own tasks fail when the body is over or cancels the scope."""
    go = trio.Event()

    async def fail(error: BaseException) -> None:
        with trio.CancelScope(shield=True):
            await go.wait()
        raise error

    async with trio.open_nursery(), trio.open_nursery() as nursery:
        for error in errors:
            nursery.start_soon(fail, error)
        try:
            yield nursery.cancel_scope
        finally:
            go.set()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()


async def test_the_failure_of_the_block_itself_comes_out_alone() -> None:
    with pytest.raises(ZeroDivisionError):
        async with failing(ZeroDivisionError()):
            pass


async def test_the_failure_of_the_block_itself_has_the_bodys_as_its_context() -> None:
    body = Frozen(1)
    with pytest.raises(ZeroDivisionError) as raised:
        async with failing(ZeroDivisionError()):
            raise body
    contexts, error = [], raised.value.__context__
    while error is not None and error not in contexts:
        contexts.append(error)
        error = error.__context__
    assert body in contexts


async def test_several_failures_of_the_block_itself_come_in_a_group() -> None:
    with pytest.RaisesGroup(ZeroDivisionError, KeyError, flatten_subgroups=True):
        async with failing(ZeroDivisionError(), KeyError()):
            raise QueueFull("a queue")


async def test_a_failure_before_the_body_comes_out_alone() -> None:
    @block
    async def never() -> AsyncIterator[None]:
        async with trio.open_nursery():
            if body_was_reached:
                yield
            raise QueueFull("a queue")

    body_was_reached: list[int] = []
    with pytest.raises(QueueFull):
        async with never():
            body_was_reached.append(1)
    assert body_was_reached == []


async def test_a_block_yields_once() -> None:
    @block
    async def twice() -> AsyncIterator[int]:
        yield 1
        yield 2

    with pytest.raises(RuntimeError, match="must yield once"):
        async with twice():
            pass
