"""The composition root: everything a lab server owns, opened in order and closed in the reverse.

Handlers get a `Lab` and call one thing on it. Nothing in the project lives at module level; two labs in one process do
not know of each other.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial

import trio

from ...config import Config
from ...loop.default_limiter import DefaultLimiter
from ...loop.loop_time import PassWindow
from ...loop.observe import Watch, observe
from ...loop.passes import PassMonitor
from ...loop.run_queue import RunQueue
from ...loop.timer_probe import TimerProbe, open_timer_probe
from ...measure.accept_backlog import AcceptBacklog
from ...measure.cpu import CpuWindow
from ...pools.autoscaler import Autoscaler, longest_pass, open_autoscaler
from ...pools.native import NativePool, open_native_pool
from ...pools.workers import WorkerPool, open_worker_pool
from ...records.queue import QueueStatistics, with_kinds

# Whoever is told that the server is ready expects its workers to be; a machine that is too busy serves without them.
_READY_TIME = 10.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A running lab. ``listener`` is the listening socket, None when another program owns it.

    ``report_pool`` is the ``worker_pool`` itself, unless reports have a pool of their own.
    """

    config: Config
    watch: Watch
    window: PassWindow
    timer: TimerProbe
    native_pool: NativePool
    worker_pool: WorkerPool
    report_pool: WorkerPool
    autoscalers: tuple[Autoscaler, ...] = ()
    listener: socket.socket | None = None

    @property
    def passes(self) -> PassMonitor:
        return self.watch.passes

    @property
    def worker_pools(self) -> tuple[WorkerPool, ...]:
        """Every worker pool there is, once."""
        return tuple(dict.fromkeys((self.worker_pool, self.report_pool)))

    def queues(self) -> tuple[QueueStatistics, ...]:
        """Every queue a request can wait in, in the order in which it meets them."""
        return (
            with_kinds(AcceptBacklog(self.listener)),
            with_kinds(RunQueue(self.passes)),
            with_kinds(self.native_pool),
            *map(with_kinds, self.worker_pools),
            with_kinds(DefaultLimiter()),
        )


@asynccontextmanager
async def open_lab(config: Config, *, listener: socket.socket | None = None) -> AsyncIterator[Lab]:
    """Open the pools and the monitors for the length of the block. At its end no child is left, and no thread but those
    whose callers have abandoned them."""
    max_queue = config.max_queue if config.guarded else None
    queue_timeout = config.queue_timeout if config.guarded else None
    run_timeout = config.run_timeout if config.guarded else None
    open_workers = partial(
        open_worker_pool,
        size=config.workers,
        max_queue=max_queue,
        queue_timeout=queue_timeout,
        run_timeout=run_timeout,
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(_default_threads(config.default_threads))
        watch = await stack.enter_async_context(observe(budget=config.stall_budget))
        timer = await stack.enter_async_context(open_timer_probe())
        native_pool = await stack.enter_async_context(
            open_native_pool(size=config.threads, max_queue=max_queue, queue_timeout=queue_timeout)
        )
        names = ("worker_pool.hash", "worker_pool.reports") if config.separate_pools else ("worker_pool",)
        pools: list[WorkerPool] = []
        autoscalers: list[Autoscaler] = []
        for name in names:
            pools.append(await stack.enter_async_context(open_workers(name=name)))
            if config.autoscale:
                autoscaler = open_autoscaler(
                    pools[-1], loop_lag=longest_pass(watch.passes), free_cores=CpuWindow().free_cores
                )
                autoscalers.append(await stack.enter_async_context(autoscaler))
        with trio.move_on_after(_READY_TIME):
            for pool in pools:
                await pool.wait_ready()
        yield Lab(
            config=config,
            watch=watch,
            window=PassWindow(watch.passes),
            timer=timer,
            native_pool=native_pool,
            worker_pool=pools[0],
            report_pool=pools[-1],
            autoscalers=tuple(autoscalers),
            listener=listener,
        )


@contextmanager
def _default_threads(number: int | None) -> Iterator[None]:
    """Trio's default limiter with so many places for the length of the block, and then with those it had before."""
    limiter = trio.to_thread.current_default_thread_limiter()
    before = limiter.total_tokens
    if number is not None:
        limiter.total_tokens = number
    try:
        yield
    finally:
        limiter.total_tokens = before
