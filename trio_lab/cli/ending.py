"""SIGTERM ends a command as Ctrl-C does, and the processes that it started too. The exit code is 143."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Terminated(KeyboardInterrupt):
    """You get it when the process received SIGTERM."""


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
