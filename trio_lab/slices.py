"""Long loops that let other tasks run: the work of an `async for` over one of these iterators is cut into slices.

Trio runs a task until it reaches a checkpoint, and a loop that only computes has none. Both iterators here yield items
without waiting and pass a checkpoint between two slices: `chunked` after a number of items, `time_sliced` after a time. A
count is cheaper to check, but it fits only items that cost about the same: 500 of them may take a millisecond or a
second. Other tasks wait for time, so a slice of time fits whatever an item costs.

Both pass one more checkpoint at the end, so that many short lists do not add up to one long step.

Every task in such a loop takes one slice in each pass of the run loop: ten tasks with slices of 5 ms make passes of 50 ms.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import Generic, TypeVar

import trio

from .preconditions import require_count, require_loop, require_seconds

T = TypeVar("T")

_LONGEST = 1.0  # seconds; a greater number was rather meant as milliseconds


class _Sliced(Generic[T]):
    """An iterator and not an async generator, because a generator that is left half way has to be closed."""

    _name: str

    def __init__(self, iterable: Iterable[T]) -> None:
        self._items = iter(iterable)

    def __aiter__(self) -> AsyncIterator[T]:
        require_loop(self._name, "Trio")
        return self

    async def __anext__(self) -> T:
        raise NotImplementedError


class _Chunks(_Sliced[T]):
    _name = "chunked"

    def __init__(self, iterable: Iterable[T], every: int) -> None:
        super().__init__(iterable)
        self._every = self._left = every

    async def __anext__(self) -> T:
        if not self._left:
            await trio.lowlevel.checkpoint()
            self._left = self._every
        self._left -= 1
        for item in self._items:
            return item
        await trio.lowlevel.checkpoint()
        raise StopAsyncIteration


class _TimeSlices(_Sliced[T]):
    _name = "time_sliced"

    def __init__(self, iterable: Iterable[T], seconds: float) -> None:
        super().__init__(iterable)
        self._seconds = seconds
        self._until = perf_counter() + seconds

    async def __anext__(self) -> T:
        if perf_counter() >= self._until:
            await trio.lowlevel.checkpoint()
            self._until = perf_counter() + self._seconds
        for item in self._items:
            return item
        await trio.lowlevel.checkpoint()
        raise StopAsyncIteration


def chunked(iterable: Iterable[T], every: int = 500) -> AsyncIterator[T]:
    """The items, with a checkpoint after each ``every`` of them and at the end.

    Raises:
        TypeError, ValueError: ``every`` is not a whole number of at least 1.
        RuntimeError: the loop over it does not run under Trio.
        trio.Cancelled: between two chunks and at the end; never within a chunk.
    """
    require_count("every", every, low=1)
    return _Chunks(iterable, every)


def time_sliced(iterable: Iterable[T], seconds: float = 0.005) -> AsyncIterator[T]:
    """The items, with a checkpoint once ``seconds`` have passed since the last one, and at the end.

    The clock is read before each item, so a slice is too long by at most what its last item costs. It is the wall clock:
    time in which the loop's body awaits something else counts too, and then leads to a checkpoint that was not needed.

    Raises:
        TypeError, ValueError: ``seconds`` is not a number over 0 and up to 1.
        RuntimeError: the loop over it does not run under Trio.
        trio.Cancelled: between two slices and at the end; never within a slice.
    """
    require_seconds("seconds", seconds, low=0, high=_LONGEST)
    return _TimeSlices(iterable, seconds)
