"""`trio_lab.observe`: one line in any Trio program reports what blocks its run loop, for how long and at which line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Literal, NoReturn

import trio

from ..blocks import block
from ..preconditions import require_loop, require_seconds
from .watch import WORKING_ON as WORKING_ON
from .watch import Watch as Watch

_SHORTEST, _LONGEST = 0.001, 30.0  # seconds; a greater number was rather meant as milliseconds


def observe(*, budget: float = 0.05, steps: bool | Literal["auto"] = "auto") -> AbstractAsyncContextManager[Watch]:
    """Watch the current run's loop for the length of an ``async with`` block.

    ``budget`` is how long a pass may take, in seconds; every longer pass becomes a `Stall`. ``steps`` says whether each
    step of each task is measured: always, never, or ("auto") for half a minute after three long passes in ten seconds.

    Raises:
        TypeError, ValueError: the budget is not a number of seconds from a millisecond to 30 s, or ``steps`` is another
            value.
        RuntimeError: the block is entered elsewhere than in a Trio run.
    """
    require_seconds("budget", budget, low=_SHORTEST, high=_LONGEST)
    if not (isinstance(steps, bool) or steps == "auto"):
        raise ValueError(f'steps must be True, False or "auto", not {steps!r}')
    return _Observation(_watching(budget, steps))


class _Observation(AbstractAsyncContextManager[Watch]):
    """The context manager of one watch. `with` in place of `async with` is answered with what to write."""

    def __init__(self, block: AbstractAsyncContextManager[Watch]) -> None:
        self._block = block

    async def __aenter__(self) -> Watch:
        require_loop("observe", "Trio")
        return await self._block.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._block.__aexit__(kind, error, trace)

    def __enter__(self) -> NoReturn:
        raise TypeError("observe() is an asynchronous context manager: write `async with observe() as watch:`")

    def __exit__(self, *_: object) -> None:
        """Needed for Python to call `__enter__`."""


@block
async def _watching(budget: float, steps: bool | Literal["auto"]) -> AsyncIterator[Watch]:
    watch = Watch(budget, steps)
    try:
        watch.open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.look_after)
            yield watch
            nursery.cancel_scope.cancel()
    finally:
        watch.close()
