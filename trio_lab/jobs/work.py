"""A worker of background jobs: claims as many as it has places for, runs them, and keeps their leases.

A job whose lease was lost is cancelled: another worker has it now. When the worker is told to stop it claims no more, gives
its jobs some time, and then gives them back as if they had not begun; so a restart costs no try.

The end of a job claims the next one for the place that is free now, in the same step (`Engine.finish_and_claim`). A place for
which it found none is filled by the task that waits for jobs.
"""

from __future__ import annotations

import logging
import os
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import trio

from ..backoff import Backoff
from ..blocks import block
from ..errors import Overloaded, Unreachable, in_a_line
from ..pools.native import open_native_pool
from ..pools.workers import WorkerPool, open_worker_pool
from ..preconditions import require_count, require_seconds
from ..rarely import Rarely
from .contract import Claimed, Engine
from .functions import JobFunctions
from .progress import TOLD, Told
from .running import Ended, Failed, Places, Succeeded, run_once

_log = logging.getLogger(__name__)

_POLL = 1.0  # seconds between two looks for jobs that no bell announced
_AGAIN = 0.2  # seconds before an end is told again that could not be told
_ENDING = (
    5.0  # seconds, or a lease if that is shorter, to write how a try ended; else the job is run again after its lease
)
_RENEWALS = 3  # in the length of a lease: two may fail

Interrupted = Literal["cancelled", "lost", "stopped"]


@dataclass(eq=False, slots=True, kw_only=True)
class _Run:
    """A job at work."""

    job: Claimed
    scope: trio.CancelScope
    told: Told
    why: Interrupted | None = None

    def interrupt(self, why: Interrupted) -> None:
        if self.why is None:
            self.why = why
            self.scope.cancel()


@dataclass(eq=False, slots=True, kw_only=True)
class JobWorker:
    """At work since it was opened, until `stop`. The counts are of this worker alone."""

    engine: Engine
    functions: JobFunctions
    places: Places
    name: str
    concurrency: int
    lease: float
    grace: float
    succeeded: int = 0
    failed: int = 0
    fenced: int = 0
    """Ends that did not count, because the lease had run out before."""
    _runs: set[_Run] = field(default_factory=set)  # a job whose lease was lost may be here twice
    _freed: trio.lowlevel.ParkingLot = field(default_factory=trio.lowlevel.ParkingLot)
    _stopping: trio.CancelScope = field(default_factory=trio.CancelScope)
    _dice: random.Random = field(default_factory=random.Random)
    _rarely: Rarely = field(default_factory=Rarely)
    _context: Context = field(default_factory=copy_context)

    @property
    def running(self) -> int:
        return len(self._runs)

    def stop(self) -> None:
        """Claim no more. The jobs that run have ``grace`` seconds."""
        self._stopping.cancel()

    async def _work(self) -> None:
        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as jobs:
                nursery.start_soon(self._keep_leases)
                with self._stopping:
                    await self._claim_for_ever(jobs)
                jobs.start_soon(self._give_up)
            nursery.cancel_scope.cancel()

    async def _claim_for_ever(self, jobs: trio.Nursery) -> None:
        while True:
            while (free := self.concurrency - len(self._runs)) < 1:
                await self._freed.park()
            try:
                claimed = await self.engine.claim(free, worker=self.name, lease=self.lease)
            except (OSError, Overloaded) as error:
                self._complain(error)
                await trio.sleep(_POLL)
                continue
            for job in claimed:
                self._begin(job, jobs)
            if not claimed:
                await self.engine.wait(_POLL)

    def _begin(self, job: Claimed, jobs: trio.Nursery) -> None:
        """Run it in a task of its own, with the context of the worker: it does not see what the job before it has set."""
        run = _Run(job=job, scope=trio.CancelScope(), told=Told())
        self._runs.add(run)
        self._context.run(partial(jobs.start_soon, self._run, run, jobs, name=f"job {job.name} {job.id}"))

    async def _run(self, run: _Run, jobs: trio.Nursery) -> None:
        ended: Ended | None = None
        following: Claimed | None = None
        TOLD.set(run.told)
        if self._stopping.cancel_called:  # while it was being claimed
            run.interrupt("stopped")
        try:
            with run.scope:
                await trio.lowlevel.checkpoint_if_cancelled()  # then it does not begin
                ended = await run_once(run.job, self.functions, self.places)
            if run.why is not None and isinstance(ended, Failed):
                ended = None  # it failed at being interrupted: that is no failure of the job
        finally:
            try:
                if run.why != "lost":
                    # The end is told, whatever becomes of this worker.
                    with trio.move_on_after(min(_ENDING, self.lease), shield=True):
                        following = await self._tell(run, ended)
            finally:
                self._runs.remove(run)
                if following is None:
                    self._freed.unpark_all()
                else:
                    self._begin(following, jobs)

    async def _tell(self, run: _Run, ended: Ended | None) -> Claimed | None:
        """Tell the engine how a try ended; None: it was interrupted. Without success the lease runs out. Returns a job that
        was claimed with it."""
        while True:
            following: Claimed | None = None
            try:
                if ended is None:
                    counted = await self.engine.give_back(run.job, cancelled=run.why == "cancelled")
                elif isinstance(ended, Failed):
                    counted = await self.engine.fail(run.job, ended.error, again_in=self._again_in(run.job, ended))
                elif self._stopping.cancel_called:
                    counted = await self.engine.finish(run.job, ended.result)
                else:
                    counted, following = await self.engine.finish_and_claim(run.job, ended.result, lease=self.lease)
            except (OSError, Overloaded) as error:
                self._complain(error)
                await trio.sleep(_AGAIN)
                continue
            self.fenced += not counted
            self.succeeded += counted and isinstance(ended, Succeeded)
            self.failed += counted and isinstance(ended, Failed)
            return following

    def _complain(self, error: Exception) -> None:
        if self._rarely.due(trio.current_time()):
            told = isinstance(error, Unreachable)
            _log.warning("%s", error if told else f"the jobs cannot be reached: {in_a_line(error)}")

    def _again_in(self, job: Claimed, ended: Failed) -> float | None:
        if ended.finally_:
            return None
        backoff = self.functions[job.name].backoff if job.name in self.functions else Backoff()
        return backoff.wait(job.tries - 1, self._dice)

    async def _keep_leases(self) -> None:
        while True:
            await trio.sleep(self.lease / _RENEWALS)
            runs = list(self._runs)
            if not runs:
                continue
            try:
                leases = await self.engine.renew([(run.job, run.told.share) for run in runs], lease=self.lease)
            except (OSError, Overloaded) as error:
                self._complain(error)
                continue
            for run, lease in zip(runs, leases, strict=True):
                if not lease.held:
                    run.interrupt("lost")
                elif lease.cancelling:
                    run.interrupt("cancelled")

    async def _give_up(self) -> None:
        """The worker was told to stop: after the grace, interrupt what still runs."""
        with trio.move_on_after(self.grace):
            while self._runs:
                await self._freed.park()
        for run in list(self._runs):
            run.interrupt("stopped")


@block
async def open_job_worker(
    engine: Engine,
    functions: JobFunctions,
    *,
    concurrency: int = 16,
    processes: int | WorkerPool = 0,
    lease: float = 30.0,
    grace: float = 10.0,
) -> AsyncIterator[JobWorker]:
    """Work at the jobs of an engine for the length of the block, ``concurrency`` of them at once.

    ``processes`` worker processes, or those of a pool, run the functions that compute. ``lease`` is how many seconds after its
    worker was lost a job is given to another; an interrupted worker gives its jobs back at once. A thread cannot be stopped:
    a job that is interrupted there is left to itself, and what it returns is lost.

    The end of the block stops the worker, as `JobWorker.stop` does.
    """
    require_count("concurrency", concurrency, low=1)
    require_seconds("lease", lease, low=0.1, high=86_400)
    if not 0 <= grace <= 86_400:
        raise ValueError(f"grace must be from 0 to 86400 seconds, not {grace:g}")
    name = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"
    async with AsyncExitStack() as stack:
        threads = open_native_pool(size=concurrency, max_queue=None, discipline="fifo", name="job_threads")
        worker = JobWorker(
            engine=engine,
            functions=functions,
            places=Places(
                threads=await stack.enter_async_context(threads),
                processes=await _processes(stack, processes),
            ),
            name=name,
            concurrency=concurrency,
            lease=lease,
            grace=grace,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker._work)
            yield worker
            worker.stop()


async def _processes(stack: AsyncExitStack, wanted: int | WorkerPool) -> WorkerPool | None:
    """A job that is cancelled, or whose lease is lost, ends with its process."""
    if isinstance(wanted, WorkerPool):
        return wanted
    require_count("processes", wanted, low=0)
    opening = open_worker_pool(
        size=max(1, wanted), max_queue=None, discipline="fifo", on_cancel="stop", name="job_processes"
    )
    return await stack.enter_async_context(opening) if wanted else None
