"""Waiting for something that another process brings about: there is no event for it, so it has to be asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio


async def until(condition: Callable[[], bool | Awaitable[bool]], *, limit: float, period: float = 0.01) -> float | None:
    """Seconds until ``condition`` holds, asked every ``period`` seconds; None when it does not within ``limit`` seconds."""
    begun = trio.current_time()
    with trio.move_on_after(limit):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return trio.current_time() - begun
            await trio.sleep(period)
    return None


async def wait_until(condition: Callable[[], bool | Awaitable[bool]], *, limit: float, period: float = 0.01) -> float:
    """The same where there is no going on without it.

    Raises:
        trio.TooSlowError: it did not hold in time.
    """
    took = await until(condition, limit=limit, period=period)
    if took is None:
        raise trio.TooSlowError
    return took
