"""Ctrl-C and SIGTERM end a command, and the processes that it started too. The exit codes are 130 and 143."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Terminated(KeyboardInterrupt):
    """You get it when the process received SIGTERM."""


@asynccontextmanager
async def ended_by_signal() -> AsyncIterator[None]:
    """While the block runs, SIGINT cancels it and raises KeyboardInterrupt, and SIGTERM `Terminated`, in a group.

    Python would raise the KeyboardInterrupt anywhere, in the middle of a file's being saved too. And where it hits code that
    is made from a string, as a dataclass is, Python ends the process by the signal, however well the error is handled.
    A second signal is Python's.
    """
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch)
        yield
        nursery.cancel_scope.cancel()


async def _watch(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
