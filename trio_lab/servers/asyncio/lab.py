"""Everything the asyncio server owns, opened in order and closed in the reverse; and what `/health` says of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ...config import Config
from ...loop.asyncio_loop import AsyncioPassMonitor, open_asyncio_pass_monitor, open_asyncio_timer_probe
from ...loop.loop_time import Intervals, PassWindow
from ...loop.run_queue import RunQueue
from ...measure.accept_backlog import AcceptBacklog
from ...records.health import Health, ThreadCounts, WorkerCounts
from ...records.queue import QueueStatistics, with_kinds
from .processes import WorkerPool, open_worker_pool
from .threads import NativePool, open_native_pool

# Whoever is told that the server is ready expects its workers to be; a machine that is too busy serves without them.
_READY_TIME = 10.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A running lab. ``listener`` is the listening socket, None when another program owns it."""

    config: Config
    passes: AsyncioPassMonitor
    window: PassWindow
    timer: Intervals
    native_pool: NativePool
    worker_pool: WorkerPool
    listener: socket.socket | None

    def queues(self) -> tuple[QueueStatistics, ...]:
        """Every queue a request can wait in, in the order in which it meets them."""
        return (
            with_kinds(AcceptBacklog(self.listener)),
            with_kinds(RunQueue(self.passes)),
            with_kinds(self.native_pool),
            with_kinds(self.worker_pool),
            # The default executor's, which name look-ups and file reads share: it does not tell.
            QueueStatistics(name="default_limiter", kinds=()),
        )

    def health(self, *, reset: bool) -> Health:
        """The lab now. With ``reset`` the measured window begins anew here."""
        timer = self.timer.read(reset=reset)
        threads = self.native_pool
        return Health(
            runtime="asyncio",
            event_loop_mean_ms=round(timer.mean * 1e3),
            event_loop_max_ms=round(timer.max * 1e3),
            threads=threads.size,
            pool=self.worker_counts(),
            native_pool=ThreadCounts(
                threads=threads.size, busy=threads.busy, abandoned=threads.abandoned, queued=threads.waiting
            ),
            loop=self.window.read(reset=reset).record(),
            profile=self.config.profile,
            queues=self.queues(),
        )

    def worker_counts(self) -> WorkerCounts:
        pool = self.worker_pool
        return WorkerCounts(workers=pool.size, busy=pool.busy, queued=pool.waiting, restarts=pool.restarts)


@asynccontextmanager
async def open_lab(config: Config, *, listener: socket.socket | None = None) -> AsyncIterator[Lab]:
    """Open the pools and the monitors for the length of the block. At its end no child is left, and no thread but those
    that run a job."""
    max_queue = config.max_queue if config.guarded else None
    queue_timeout = config.queue_timeout if config.guarded else None
    run_timeout = config.run_timeout if config.guarded else None
    limits: dict[str, Any] = {"max_queue": max_queue, "queue_timeout": queue_timeout, "run_timeout": run_timeout}
    async with AsyncExitStack() as stack:
        passes = await stack.enter_async_context(open_asyncio_pass_monitor())
        timer = await stack.enter_async_context(open_asyncio_timer_probe())
        native_pool = await stack.enter_async_context(open_native_pool(size=config.threads, **limits))
        worker_pool = await stack.enter_async_context(open_worker_pool(size=config.workers, **limits))
        with suppress(TimeoutError):
            async with asyncio.timeout(_READY_TIME):
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
