"""`trio_lab.observe`: one line in any program on Trio or asyncio tells what blocks its loop, how long and at which line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Literal, NoReturn

from ..blocks import block
from ..preconditions import require_seconds, running_loop
from . import watch as watching
from .eyes import Eyes
from .watch import Watch as Watch
from .working_on import WORKING_ON as WORKING_ON


def observe(*, budget: float = 0.05, steps: bool | Literal["auto"] = "auto") -> AbstractAsyncContextManager[Watch]:
    """Watch the loop that runs in this thread, Trio's or asyncio's, for the length of an ``async with`` block.

    ``budget`` is how long a pass may take, in seconds; every longer pass becomes a `Stall`. ``steps`` says whether each
    step of each task is measured: always, never, or ("auto") for half a minute after three long passes in ten seconds.

    Raises:
        TypeError, ValueError: the budget is not a number of seconds from a millisecond to 30 s, or ``steps`` is another
            value.
        RuntimeError: the block is entered where no loop runs.
    """
    require_seconds("budget", budget, low=watching.SHORTEST, high=watching.LONGEST)
    if not (isinstance(steps, bool) or steps == "auto"):
        raise ValueError(f'steps must be True, False or "auto", not {steps!r}')
    return _Observation(budget, steps)


class _Observation(AbstractAsyncContextManager[Watch]):
    """The context manager of one watch. `with` in place of `async with` is answered with what to write."""

    def __init__(self, budget: float, steps: bool | Literal["auto"]) -> None:
        self._budget, self._steps = budget, steps

    async def __aenter__(self) -> Watch:
        # Made here, where it is known which loop runs: see `block` for what Trio adds.
        self._block = block(_watching)(Watch(_eyes(), budget=self._budget, steps=self._steps))
        return await self._block.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._block.__aexit__(kind, error, trace)

    def __enter__(self) -> NoReturn:
        raise TypeError("observe() is an asynchronous context manager: write `async with observe() as watch:`")

    def __exit__(self, *_: object) -> None:
        """Needed for Python to call `__enter__`."""


async def _watching(watch: Watch) -> AsyncIterator[Watch]:
    try:
        watch.open()
        async with watch.eyes.calling(watch.look, every=watching.CHECK):
            yield watch
    finally:
        watch.close()


def _eyes() -> Eyes:
    """For the loop that runs in this thread. The other kind's library is not imported."""
    running = running_loop()
    if running == "Trio":
        from .trio_eyes import TrioEyes

        return TrioEyes()
    if running == "asyncio":
        from .asyncio_eyes import AsyncioEyes

        return AsyncioEyes()
    raise RuntimeError("observe needs a loop of Trio or of asyncio; none runs in this thread")
