"""The composition root of the asyncio server: everything it owns, opened in order and closed in the reverse."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar, TypeVarTuple, Unpack

from ...blocks import block
from ...config import Config
from ...http.lab import READY_TIME, USAGE_PERIOD, Lab, bounds
from ...http.plants import stalls_explained
from ...loop.asyncio_loop import open_asyncio_timer_probe
from ...loop.asyncio_threads import DefaultExecutor
from ...loop.loop_time import PassWindow
from ...loop.observe import observe
from ...loop.run_queue import RunQueue
from ...measure.accept_backlog import AcceptBacklog
from ...measure.latest import Latest
from ...measure.ledger import RUN, booked
from ...measure.queues import Queues
from ...measure.usage import UsageMeter
from ...records.queue import Queue
from . import storms
from .processes import WorkerPool, keep, open_worker_pool
from .threads import NativePool, open_native_pool

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncioLab(Lab):
    """A running lab on asyncio. It has one worker pool."""

    runtime: ClassVar[str] = "asyncio"

    native_pool: NativePool
    worker_pools: tuple[WorkerPool]
    _unattended: set[asyncio.Task[Any]] = field(default_factory=set)

    async def in_thread(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, kind: str) -> T:
        return await self._pool_work(self.native_pool.run(fn, *args, kind=kind))

    async def in_worker(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, kind: str) -> tuple[T, float]:
        return await self._pool_work(self.worker_pools[0].run(fn, *args, kind=kind))

    async def _pool_work(self, work: Coroutine[Any, Any, T]) -> T:
        """A handler's call of a pool. A client that leaves cancels it, except under the naive profile: there it is done to
        its end, as in the sources' servers."""
        if self.config.guarded:
            return await work
        task = asyncio.create_task(work)
        keep(self._unattended, task)
        await asyncio.wait((task,))  # may be cancelled, and the task goes on
        return task.result()

    async def in_default_thread(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        with booked(RUN):
            return await asyncio.to_thread(fn, *args)

    async def storm(self, mode: str, count: int) -> float:
        return await storms.storm(mode, count)

    async def look_up(self, host: str) -> list[str]:
        with booked(RUN):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [str(address[0]) for *_, address in found]

    async def read(self, path: Path) -> bytes:
        with booked(RUN):
            return await asyncio.to_thread(path.read_bytes)

    def tasks(self) -> int:
        return len(asyncio.all_tasks())


@block
async def open_lab(
    config: Config,
    *,
    listener: socket.socket | None = None,
    in_front: Iterable[Queue] = (),
    queues: Iterable[Queue] = (),
) -> AsyncIterator[AsyncioLab]:
    """Open the pools and the monitors for the length of the block. At its end no child is left, and no thread but those
    that run a job.

    ``listener`` is the listening socket, None when another program owns it. ``queues`` are registered behind the lab's
    own, those ``in_front`` before its pools, as requests meet them.
    """
    max_queue, queue_timeout, run_timeout, discipline = bounds(config)
    async with AsyncExitStack() as stack:
        meter = UsageMeter()
        stack.callback(meter.close)
        stack.enter_context(stalls_explained())
        watch = await stack.enter_async_context(observe(budget=config.stall_budget))
        timer = await stack.enter_async_context(open_asyncio_timer_probe())
        native_pool = await stack.enter_async_context(
            open_native_pool(
                size=config.threads,
                max_queue=max_queue,
                queue_timeout=queue_timeout,
                run_timeout=run_timeout,
                discipline=discipline,
                limit=config.adaptive,
            )
        )
        worker_pool = await stack.enter_async_context(
            open_worker_pool(
                size=config.workers,
                max_queue=max_queue,
                queue_timeout=queue_timeout,
                run_timeout=run_timeout,
                discipline=discipline,
            )
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_TIME):
                await worker_pool.wait_ready()
        yield AsyncioLab(
            config=config,
            usage=Latest(meter.read, period=USAGE_PERIOD),
            window=PassWindow(watch.passes),
            watch=watch,
            timer=timer,
            native_pool=native_pool,
            worker_pools=(worker_pool,),
            queues=Queues(
                AcceptBacklog(listener),
                RunQueue(watch.passes),
                *in_front,
                native_pool,
                worker_pool,
                DefaultExecutor(asyncio.get_running_loop(), "default_limiter"),
                *queues,
            ),
        )
