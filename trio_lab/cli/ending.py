"""SIGTERM ends a command as Ctrl-C does, with exit code 143: what it has started is ended too."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Terminated(KeyboardInterrupt):
    """You get it when SIGTERM came."""


@asynccontextmanager
async def ended_by_sigterm() -> AsyncIterator[None]:
    """While the block runs, SIGTERM cancels it and raises `Terminated`, in a group."""
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch)
        yield
        nursery.cancel_scope.cancel()


async def _watch(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            raise Terminated
