"""The composition root: everything a lab server owns, opened in order and closed in the reverse.

Handlers get a `Lab` and call one thing on it. Nothing in the project lives at module level; two labs in one process do
not know of each other.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from ..config import Config
from ..measure.accept_backlog import accept_backlog_statistics
from ..measure.passes import PassMonitor, PassWindow, open_pass_monitor, run_queue_statistics
from ..measure.queues import QueueStatistics
from ..measure.timer_probe import TimerProbe, open_timer_probe
from ..pools.native import NativePool, open_native_pool
from ..pools.workers import WorkerPool, open_worker_pool

# Whoever is told that the server is ready expects its workers to be; a machine that is too busy serves without them.
_READY_TIME = 10.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A running lab. ``listener`` is the listening socket, None when another program owns it."""

    config: Config
    passes: PassMonitor
    window: PassWindow
    timer: TimerProbe
    native_pool: NativePool
    worker_pool: WorkerPool
    listener: socket.socket | None = None

    def queues(self) -> list[QueueStatistics]:
        """Every queue a request can wait in, in the order in which it meets them."""
        return [
            accept_backlog_statistics(self.listener),
            run_queue_statistics(self.passes),
            self.native_pool.statistics(),
            self.worker_pool.statistics(),
        ]


@asynccontextmanager
async def open_lab(config: Config, *, listener: socket.socket | None = None) -> AsyncIterator[Lab]:
    """Open the pools and the monitors for the length of the block. At its end no thread and no child is left."""
    max_queue = config.max_queue if config.guarded else None
    queue_timeout = config.queue_timeout if config.guarded else None
    run_timeout = config.run_timeout if config.guarded else None
    async with (
        open_pass_monitor() as passes,
        open_timer_probe() as timer,
        open_native_pool(size=config.threads, max_queue=max_queue, queue_timeout=queue_timeout) as native_pool,
        open_worker_pool(
            size=config.workers, max_queue=max_queue, queue_timeout=queue_timeout, run_timeout=run_timeout
        ) as worker_pool,
    ):
        with trio.move_on_after(_READY_TIME):
            await worker_pool.wait_ready()
        yield Lab(
            config=config,
            passes=passes,
            window=PassWindow(passes),
            timer=timer,
            native_pool=native_pool,
            worker_pool=worker_pool,
            listener=listener,
        )
