"""`block` makes an async context manager from a generator, as `contextlib.asynccontextmanager` does, but never changes the
exception that its body raises.

contextlib throws the body's exception into the generator and raises what comes out. That has three disadvantages:

- A generator that opens a nursery or a task group gets the exception back in a group, so an ``except QueueFull:``
  around the ``async with`` no longer matches.
- contextlib sets the exception's ``__traceback__``. An exception that forbids this (a frozen dataclass) is replaced by
  the error about it. A StopIteration cannot be thrown into a generator at all.
- A Ctrl-C between the body and the generator leaves a nursery open, and Trio then ends the run with an internal error.

So another exception is thrown into the generator, in place of the body's. When the generator has ended, the interpreter
raises the body's exception again; a generator cannot suppress it. If the block itself has failed meanwhile (a task of its
nursery has), that failure is raised instead, with the body's exception as its context. A single failure is taken out of
the groups that nurseries have put it into.
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


class BodyFailed(BaseException):
    """Thrown into the generator in place of the body's exception, ``error``. A generator that catches it raises it again."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


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
                await self._steps.athrow(BodyFailed(error))
            failed = RuntimeError("the generator of a block must yield once")
            await self._steps.aclose()
        except (StopAsyncIteration, BodyFailed):
            pass
        except BaseException as raised:
            failed = raised if kind is None else _besides_the_body(raised)
        if failed is None:
            return False
        raise _alone(failed)


def block(steps: Callable[P, AsyncIterator[T]]) -> Callable[P, AbstractAsyncContextManager[T]]:
    """Decorate an async generator function that yields once; what it yields is what the ``async with`` gets."""
    if (trio := sys.modules.get("trio")) is not None:  # not imported in a program on asyncio
        for method in (_Block.__aenter__, _Block.__aexit__):
            trio.lowlevel.enable_ki_protection(method)

    @wraps(steps)
    def open_block(*args: P.args, **keywords: P.kwargs) -> AbstractAsyncContextManager[T]:
        return _Block(cast("AsyncGenerator[T, None]", steps(*args, **keywords)))

    return open_block


def _besides_the_body(failed: BaseException) -> BaseException | None:
    """The failure of the block itself, None if it has not failed. That it was cancelled does not count as a failure."""
    passing: tuple[type[BaseException], ...] = (BodyFailed, *_cancelled())
    if isinstance(failed, BaseExceptionGroup):
        return failed.split(passing)[1]
    return None if isinstance(failed, passing) else failed


def _alone(failed: BaseException) -> BaseException:
    """The error inside the nurseries' groups if there is only one, else the group."""
    if isinstance(failed, BaseExceptionGroup):
        failed = failed.split(_cancelled())[1] or failed
    while isinstance(failed, BaseExceptionGroup) and len(failed.exceptions) == 1:
        failed = failed.exceptions[0]
    return failed


def _cancelled() -> tuple[type[BaseException], ...]:
    """Trio's Cancelled, if Trio is in use. A task group of asyncio puts no CancelledError into its group."""
    trio = sys.modules.get("trio")
    return () if trio is None else (trio.Cancelled,)
