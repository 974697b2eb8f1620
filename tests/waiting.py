"""Waiting for what another process, thread or task brings about: there is no event for it, so it has to be asked for."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio

_LIMIT = 60.0  # seconds; far more than a slow machine takes
_PERIOD = 0.01  # between two looks, so that what is asked is not kept busy by them


def until(holds: Callable[[], object]) -> None:
    """Keep the thread until ``holds()`` is true. It is a failure of the test if that takes too long."""
    deadline = time.monotonic() + _LIMIT
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(_PERIOD)


async def wait_until(holds: Callable[[], object]) -> None:
    """The same in a task of Trio."""
    with trio.fail_after(_LIMIT):
        while not holds():
            await trio.sleep(_PERIOD)
