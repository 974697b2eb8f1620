"""Two event loops under one set of tests: tasks that enter a bulkhead, and a clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_lab.admission import on_asyncio, on_trio
from trio_lab.admission.bulkhead import BaseBulkhead
from trio_lab.admission.gate import Place
from trio_lab.errors import Closed

Story = Callable[["House"], Awaitable[None]]


class Caller:
    """A task that enters a bulkhead, and stays there until it is told to leave or is cancelled."""

    def __init__(self) -> None:
        self.place: Place | None = None
        self.error: Exception | None = None
        self.gone = False
        self.cancel: Callable[[], object]

    @property
    def fate(self) -> str:
        if self.error is not None:
            return type(self.error).__name__
        if self.gone:
            return "left" if self.place is not None else "gave up"
        return "waits" if self.place is None else "is in"

    async def live(self, bulkhead: BaseBulkhead, forever: Callable[[], Awaitable[object]], **wishes: Any) -> None:
        try:
            async with bulkhead.place(**wishes) as self.place:
                await forever()
        except Exception as error:
            self.error = error
        finally:
            self.gone = True


class House(ABC):
    """An event loop in which a story is played."""

    name: str
    closed_error: type[Exception]
    make: Callable[..., BaseBulkhead]

    @abstractmethod
    def run(self, story: Story) -> None:
        """Play a story, in a run of its own. Tasks that are left at its end are cancelled."""

    @abstractmethod
    def spawn(self, fn: Callable[[], Awaitable[object]]) -> Callable[[], object]:
        """Start a task, and return what cancels it."""

    async def forever(self) -> None:
        """Wait until cancelled."""
        await self.until(lambda _: None)

    @abstractmethod
    async def until(self, tell: Callable[[Callable[[], object]], object]) -> None:
        """Wait until what ``tell`` was given is called."""

    def start(self, bulkhead: BaseBulkhead, **wishes: Any) -> Caller:
        caller = Caller()
        caller.cancel = self.spawn(lambda: caller.live(bulkhead, self.forever, **wishes))
        return caller

    @abstractmethod
    async def settle(self) -> None:
        """Returns when every other task has done what it can do now."""

    @abstractmethod
    def pass_time(self, seconds: float) -> None:
        """Nobody runs meanwhile: the loop is late by as much."""

    async def call(self, bulkhead: BaseBulkhead, **wishes: Any) -> Caller:
        """Start a caller, and let it come as far as it can."""
        caller = self.start(bulkhead, **wishes)
        await self.settle()
        return caller


class TrioHouse(House):
    name = "Trio"
    closed_error = trio.ClosedResourceError
    make = on_trio.Bulkhead

    def run(self, story: Story) -> None:
        async def main() -> None:
            async with trio.open_nursery() as self._nursery:
                await story(self)
                self._nursery.cancel_scope.cancel()

        self._clock = MockClock()
        trio.run(main, clock=self._clock)

    def spawn(self, fn: Callable[[], Awaitable[object]]) -> Callable[[], object]:
        scope = trio.CancelScope()

        async def live() -> None:
            with scope:
                await fn()

        self._nursery.start_soon(live)
        return scope.cancel

    async def until(self, tell: Callable[[Callable[[], object]], object]) -> None:
        event = trio.Event()
        tell(event.set)
        await event.wait()

    async def settle(self) -> None:
        await wait_all_tasks_blocked()

    def pass_time(self, seconds: float) -> None:
        self._clock.jump(seconds)


class _Loop(asyncio.SelectorEventLoop):
    now = 0.0

    def time(self) -> float:
        return self.now


class AsyncioHouse(House):
    name = "asyncio"
    closed_error = Closed
    make = on_asyncio.Bulkhead

    def run(self, story: Story) -> None:
        async def main() -> None:
            await story(self)

        self._tasks: list[asyncio.Task[None]] = []  # asyncio itself does not keep a task that nothing wakes
        with asyncio.Runner(loop_factory=_Loop) as runner:
            self._loop = runner.get_loop()
            runner.run(main())

    def spawn(self, fn: Callable[[], Awaitable[object]]) -> Callable[[], object]:
        async def live() -> None:
            await fn()

        task = self._loop.create_task(live())
        self._tasks.append(task)
        return task.cancel

    async def until(self, tell: Callable[[Callable[[], object]], object]) -> None:
        event = asyncio.Event()
        tell(event.set)
        await event.wait()

    async def settle(self) -> None:
        for _ in range(10):  # passes; no task of these tests needs as many
            await asyncio.sleep(0)

    def pass_time(self, seconds: float) -> None:
        assert isinstance(self._loop, _Loop)
        self._loop.now += seconds


HOUSES: list[type[House]] = [TrioHouse, AsyncioHouse]
