"""Everything the asyncio server owns, opened in order and closed in the reverse; and what `/health` says of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ..config import Config
from ..measure.accept_backlog import accept_backlog_statistics
from ..measure.asyncio_loop import AsyncioPassMonitor, open_asyncio_pass_monitor, open_asyncio_timer_probe
from ..measure.loop_time import Intervals, PassWindow, run_queue_statistics
from ..measure.queues import QueueStatistics
from .asyncio_processes import WorkerPool, open_worker_pool
from .asyncio_threads import NativePool, open_native_pool

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

    def queues(self) -> list[dict[str, Any]]:
        """Every queue a request can wait in, in the order in which it meets them, as plain values."""
        return [
            _as_json(accept_backlog_statistics(self.listener)),
            _as_json(run_queue_statistics(self.passes)),
            _pool_as_json(self.native_pool),
            _pool_as_json(self.worker_pool),
            # The default executor's, which name look-ups and file reads share: it does not tell.
            _as_json(QueueStatistics(name="default_limiter")),
        ]

    def health(self, *, reset: bool) -> dict[str, Any]:
        """With ``reset`` the measured window begins anew here. Times in milliseconds."""
        timer = self.timer.read(reset=reset)
        return {
            "runtime": "asyncio",
            "eventLoopMeanMs": round(timer.mean * 1e3),
            "eventLoopMaxMs": round(timer.max * 1e3),
            "uvThreadpoolSize": self.native_pool.size,
            "pool": self.pool(),
            "nativePool": self._native_pool(),
            "loop": self.window.read(reset=reset).as_json(),
            "profile": self.config.profile,
            "queues": self.queues(),
            "scaling": [],
        }

    def pool(self) -> dict[str, Any]:
        """The worker pool in the sources' words, and what they lack."""
        pool = self.worker_pool
        return {"workers": pool.size, "busy": pool.busy, "queued": pool.waiting, "restarts": pool.restarts}

    def _native_pool(self) -> dict[str, Any]:
        pool = self.native_pool
        return {"threads": pool.size, "busy": pool.busy, "abandoned": pool.abandoned, "queued": pool.waiting}


def _as_json(queue: QueueStatistics, kinds: list[QueueStatistics] | None = None) -> dict[str, Any]:
    return queue.as_json() | {"kinds": [kind.as_json() for kind in kinds or []]}


def _pool_as_json(pool: NativePool | WorkerPool) -> dict[str, Any]:
    return _as_json(pool.statistics(), [pool.statistics(kind) for kind in pool.kinds()])


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
