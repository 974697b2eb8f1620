"""Long loops that let others run: what an `async for` over one of these does is cut into slices.

Trio runs a task until it awaits something that lets others run, and a loop that only computes awaits nothing. Both
iterators here give items on at once and let others run between two slices: `chunked` after so many items, `time_sliced`
after so much time. A count is cheaper to check, and is right only for items that cost about the same: 500 of them may
be a millisecond or a second. Time is what everybody else waits for, so a slice of time is right whatever an item costs.

Both let others run once more at the end, so that many short lists do not add up to one long step.

Every task that is at such a loop takes its slice in every pass: ten tasks of 5 ms each make passes of 50 ms.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class _Chunks(Generic[T]):
    """(No async generator, here and below: one that is left half way has to be closed.)"""

    def __init__(self, iterable: Iterable[T], every: int) -> None:
        self._items = iter(iterable)
        self._every = self._left = every

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if not self._left:
            await trio.lowlevel.checkpoint()
            self._left = self._every
        self._left -= 1
        for item in self._items:
            return item
        await trio.lowlevel.checkpoint()
        raise StopAsyncIteration


class _Moments(Generic[T]):
    def __init__(self, iterable: Iterable[T], seconds: float) -> None:
        self._items = iter(iterable)
        self._seconds = seconds
        self._until = perf_counter() + seconds

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        if perf_counter() >= self._until:
            await trio.lowlevel.checkpoint()
            self._until = perf_counter() + self._seconds
        for item in self._items:
            return item
        await trio.lowlevel.checkpoint()
        raise StopAsyncIteration


def chunked(iterable: Iterable[T], every: int = 500) -> AsyncIterator[T]:
    """The items, letting others run after ``every`` so many of them and at the end.

    Raises:
        ValueError: ``every`` is less than 1.
        trio.Cancelled: in `__anext__`, between two chunks and at the end; never in the midst of a chunk.
    """
    if every < 1:
        raise ValueError("every must be at least 1")
    return _Chunks(iterable, every)


def time_sliced(iterable: Iterable[T], seconds: float = 0.005) -> AsyncIterator[T]:
    """The items, letting others run when ``seconds`` have passed since that was last done, and at the end.

    The clock is looked at before each item, so a slice is over by as much as its last item costs. The time is the
    wall's: what else is awaited in the loop counts as well, and then costs a checkpoint that was not needed.

    Raises:
        ValueError: ``seconds`` is not over 0.
        trio.Cancelled: in `__anext__`, between two slices and at the end; never within one.
    """
    if not seconds > 0:
        raise ValueError("seconds must be over 0")
    return _Moments(iterable, seconds)
