"""The composition root of the Trio server: everything it owns, opened in order and closed in the reverse.

Nothing lives at module level; two labs in one process do not know of each other.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, TypeVar, TypeVarTuple, Unpack

import trio

from ...blocks import block
from ...config import Config
from ...http.lab import READY_TIME, REPORTS, USAGE_PERIOD, Asked, Lab, Told, bounds
from ...http.one_of import OneOf
from ...http.plants import stalls_explained
from ...http.pool_job import PoolJob
from ...loop.default_limiter import open_default_limiter
from ...loop.eyes import Passes
from ...loop.loop_time import PassWindow
from ...loop.observe import observe
from ...loop.run_queue import RunQueue
from ...loop.timer_probe import open_timer_probe
from ...measure.accept_backlog import AcceptBacklog
from ...measure.cpu import CpuWindow
from ...measure.latest import Latest
from ...measure.ledger import RUN, booked
from ...measure.own_process import OwnProcess
from ...measure.queues import Queues
from ...measure.usage import UsageMeter
from ...pools.autoscaler import Autoscaler, longest_pass, open_autoscaler
from ...pools.native import NativePool, open_native_pool
from ...pools.workers import WorkerPool, open_worker_pool
from ...records.health import ScalingDecision
from ...records.queue import Queue
from . import storms
from .background import BackgroundJobs, open_background_jobs
from .database import LabDatabase, open_database
from .shields import Shields

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_DECISIONS = 20  # of each autoscaler: ten seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TrioLab(Lab):
    """A running lab on Trio. It has one worker pool, or two when reports have one of their own."""

    runtime: ClassVar[str] = "trio"

    native_pool: NativePool
    worker_pools: tuple[WorkerPool, ...]
    autoscalers: tuple[Autoscaler, ...]
    shields: Shields
    jobs: BackgroundJobs
    database: LabDatabase

    @property
    def worker_pool(self) -> WorkerPool:
        return self.worker_pools[0]

    @property
    def report_pool(self) -> WorkerPool:
        return self.worker_pools[-1]

    def pool_work(self) -> AbstractContextManager[None]:
        """Around a handler's call of a pool. A client that leaves cancels the call, except under the naive profile: there
        it is done to its end, as in the sources' servers."""
        return nullcontext() if self.config.guarded else self.shields.shield()

    async def in_thread(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, kind: str) -> T:
        with self.pool_work():
            return await self.native_pool.run(fn, *args, kind=kind, abandon_on_cancel=True)

    async def in_worker(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, kind: str) -> tuple[T, float]:
        pool = self.report_pool if kind == REPORTS else self.worker_pool
        with self.pool_work():
            return await pool.run_timed(fn, *args, kind=kind)

    def ask(self, job: PoolJob, told: Told) -> Asked:
        if not job.in_process:
            return Lab.ask(self, job, told)  # `super()` knows another class than a dataclass with slots
        pool = self.report_pool if job.kind == REPORTS else self.worker_pool
        return pool.ask(told, job.fn, *job.args, kind=job.kind)

    async def in_default_thread(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        with booked(RUN):
            return await trio.to_thread.run_sync(fn, *args, abandon_on_cancel=True)

    async def storm(self, mode: str, count: int) -> float:
        return await storms.storm(mode, count)

    async def look_up(self, host: str) -> list[str]:
        with booked(RUN):
            found = await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [str(address[0]) for *_, address in found]

    async def read(self, path: Path) -> bytes:
        with booked(RUN):
            return await trio.Path(path).read_bytes()

    def tasks(self) -> int:
        return trio.lowlevel.current_statistics().tasks_living

    def scaling(self) -> tuple[ScalingDecision, ...]:
        now = trio.current_time()
        recent = [decision for autoscaler in self.autoscalers for decision in autoscaler.decisions[-_DECISIONS:]]
        return tuple(decision.record(now) for decision in sorted(recent, key=lambda decision: decision.at))


@block
async def open_lab(
    config: Config,
    *,
    listener: socket.socket | None = None,
    in_front: Iterable[Queue] = (),
    queues: Iterable[Queue] = (),
    shields: Shields | None = None,
    one_of: OneOf | None = None,
) -> AsyncIterator[TrioLab]:
    """Open the pools and the monitors for the length of the block. At its end no child is left, and no thread but those
    whose callers have abandoned them.

    ``listener`` is the listening socket, None when another program owns it. ``queues`` are registered behind the lab's
    own, those ``in_front`` before its pools, as requests meet them. ``shields`` are where its naive profile shields work;
    their owner cancels them. ``one_of``: what it was told as one of several processes.
    """
    max_queue, queue_timeout, _, discipline = bounds(config)
    async with AsyncExitStack() as stack:
        meter = UsageMeter()
        stack.callback(meter.close)
        stack.enter_context(_default_threads(config.default_threads))
        stack.enter_context(stalls_explained())
        watch = await stack.enter_async_context(observe(budget=config.stall_budget))
        timer = await stack.enter_async_context(open_timer_probe())
        default_limiter = await stack.enter_async_context(open_default_limiter())
        native_pool = await stack.enter_async_context(
            open_native_pool(
                size=config.threads,
                max_queue=max_queue,
                queue_timeout=queue_timeout,
                discipline=discipline,
                limit=config.adaptive,
            )
        )
        pools = await stack.enter_async_context(_open_worker_pools(config))
        scaled = pools if config.autoscale else ()
        autoscalers = await stack.enter_async_context(_open_autoscalers(scaled, watch.passes))
        registered = Queues(
            AcceptBacklog(listener),
            RunQueue(watch.passes),
            *in_front,
            native_pool,
            *pools,
            default_limiter,
            *queues,
        )
        background = open_background_jobs(
            config.jobs or None,
            pools[0],
            registered,
            max_waiting=config.max_jobs,
            longest_wait=queue_timeout,
            own_file=None if one_of is None else one_of.jobs,
        )
        jobs = await stack.enter_async_context(background)
        with trio.move_on_after(READY_TIME):
            for pool in pools:
                await pool.wait_ready()
        yield TrioLab(
            config=config,
            process=OwnProcess(processes=None if one_of is None else one_of.of),
            usage=Latest(meter.read, period=USAGE_PERIOD),
            window=PassWindow(watch.passes),
            timer=timer,
            native_pool=native_pool,
            worker_pools=pools,
            queues=registered,
            watch=watch,
            autoscalers=autoscalers,
            jobs=jobs,
            database=await stack.enter_async_context(open_database(config, registered)),
            shields=Shields() if shields is None else shields,
        )


@block
async def _open_worker_pools(config: Config) -> AsyncIterator[tuple[WorkerPool, ...]]:
    """One pool for all jobs, or one of their own for the reports as well."""
    max_queue, queue_timeout, run_timeout, discipline = bounds(config)
    open_pool = partial(
        open_worker_pool,
        size=config.workers,
        max_queue=max_queue,
        queue_timeout=queue_timeout,
        run_timeout=run_timeout,
        discipline=discipline,
        on_cancel="stop",
    )
    names = ("worker_pool.hash", "worker_pool.reports") if config.separate_pools else ("worker_pool",)
    async with AsyncExitStack() as stack:
        yield tuple([await stack.enter_async_context(open_pool(name=name)) for name in names])


@block
async def _open_autoscalers(pools: Iterable[WorkerPool], passes: Passes) -> AsyncIterator[tuple[Autoscaler, ...]]:
    async with AsyncExitStack() as stack:
        found = []
        for pool in pools:
            autoscaler = open_autoscaler(pool, loop_lag=longest_pass(passes), free_cores=CpuWindow().free_cores)
            found.append(await stack.enter_async_context(autoscaler))
        yield tuple(found)


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
