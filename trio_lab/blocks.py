"""`block` makes an async context manager of a generator, as `contextlib.asynccontextmanager` does, and what its body raises
leaves it unchanged.

contextlib throws the body's exception into the generator and raises what comes out. Three things go wrong with that:

- A generator that opens a nursery or a task group gets the exception back in a group, so an ``except QueueFull:``
  around the ``async with`` no longer matches.
- contextlib sets the exception's ``__traceback__``. An exception that forbids this (a frozen dataclass) is replaced by
  the error about it. A StopIteration cannot be thrown into a generator at all.
- A Ctrl-C between the body and the generator leaves a nursery open, which ends the whole run.

So the generator gets a stand-in for the exception. Whatever it makes of that, the interpreter then raises the exception
itself: a generator cannot swallow it. Only when the block has failed by itself (a task of its own nursery has) is that
failure raised instead, with the body's exception as its context. It comes out of the nursery's groups when it is alone.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import wraps
from types import TracebackType
from typing import ParamSpec, TypeVar, cast

T = TypeVar("T")
P = ParamSpec("P")


class _BodyFailed(BaseException):
    """Thrown into the generator in place of what the body has raised."""


class _Block(AbstractAsyncContextManager[T]):
    def __init__(self, steps: AsyncGenerator[T, None]) -> None:
        self._steps = steps

    async def __aenter__(self) -> T:
        try:
            return await anext(self._steps)
        except BaseExceptionGroup as group:
            failed: BaseException = group
        raise _alone(failed)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        failed: BaseException | None = None
        try:
            if kind is None:
                await anext(self._steps)
            else:
                await self._steps.athrow(_BodyFailed())
            failed = RuntimeError("the generator of a block must yield once")
            await self._steps.aclose()
        except (StopAsyncIteration, _BodyFailed):
            pass
        except BaseException as raised:
            failed = raised if kind is None else _besides_the_body(raised)
        if failed is None:
            return False
        raise _alone(failed)


def block(steps: Callable[P, AsyncIterator[T]]) -> Callable[P, AbstractAsyncContextManager[T]]:
    """Decorate an async generator function that yields once; what it yields is what the ``async with`` gets."""
    if (trio := sys.modules.get("trio")) is not None:  # else it is a block of a program on asyncio
        for method in (_Block.__aenter__, _Block.__aexit__):
            trio.lowlevel.enable_ki_protection(method)

    @wraps(steps)
    def open_block(*args: P.args, **keywords: P.kwargs) -> AbstractAsyncContextManager[T]:
        return _Block(cast("AsyncGenerator[T, None]", steps(*args, **keywords)))

    return open_block


def _besides_the_body(failed: BaseException) -> BaseException | None:
    """What has failed besides the body. A cancellation does not count: of the two, the body's error says more."""
    passing: tuple[type[BaseException], ...] = (_BodyFailed, *_cancelled())
    if isinstance(failed, BaseExceptionGroup):
        return failed.split(passing)[1]
    return None if isinstance(failed, passing) else failed


def _alone(failed: BaseException) -> BaseException:
    """The error in the groups that nurseries have made of it, or the group when they are several."""
    if isinstance(failed, BaseExceptionGroup):
        failed = failed.split(_cancelled())[1] or failed
    while isinstance(failed, BaseExceptionGroup) and len(failed.exceptions) == 1:
        failed = failed.exceptions[0]
    return failed


def _cancelled() -> tuple[type[BaseException], ...]:
    """Trio's exception. Groups on asyncio hold no CancelledError."""
    trio = sys.modules.get("trio")
    return () if trio is None else (trio.Cancelled,)
