"""The truth lane through the pools: threads of the real native pool, and the real worker pool with virtual workers.

What cannot be compared with the fast lane to the last bit is refused: a run timeout of threads, which cannot be stopped; an
adaptive number of threads, which goes by how late the real loop is; run timeouts of a pool of workers, which stops a job that
would end at that moment; and services that its workers share. Queue timeouts of that pool can be compared only where they are
over at least 10 ms apart: its alarm serves those that lie closer together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf
from typing import ParamSpec

import trio

from ..admission.gate import ADMITTED, Place
from ..pools.job import Job
from ..pools.limits import PoolOptions
from ..pools.native import NativePool
from ..simulate.callers import Request
from ..simulate.scenario import Scenario
from .truth_lane import REQUEST, DoorLane, LaneParts, TruthLane
from .virtual_pool import VirtualJob, VirtualPool

_YIELD = 20e-6  # seconds
P = ParamSpec("P")


def require_threads(scenario: Scenario) -> None:
    """Raise a ValueError unless the scenario can be played through the native pool."""
    if scenario.gate.run_timeout is not None or scenario.gate.limit != "fixed":
        raise ValueError("threads cannot be stopped, and an adaptive number of them goes by the real loop's delay")


def require_workers(scenario: Scenario) -> None:
    """Raise a ValueError unless the scenario can be played through a worker pool."""
    gate = scenario.gate
    if gate.run_timeout is not None or gate.limit != "fixed" or gate.by_tenant:
        raise ValueError("a worker pool has a run timeout of its own, no tenants, and no adaptive limit")
    if scenario.cores is not None or scenario.downstream is not None or scenario.loop:
        raise ValueError("the workers of a pool share nothing")


class ThreadLane(DoorLane):
    """Callers use the native pool. Each job is a thread that blocks until its virtual time is over."""

    def __init__(self, parts: LaneParts) -> None:
        super().__init__(parts)
        self._pool = NativePool(self.door)
        self._jobs: dict[int, threading.Event] = {}

    async def _serve(self, request: Request) -> None:
        crowd = request.crowd
        job = self._jobs[request.number] = threading.Event()
        await self._pool.run(_block, job, kind=crowd.kind, priority=crowd.priority, abandon_on_cancel=True)

    def _give_back(self, place: Place) -> None:
        self._jobs.pop(place.caller.number).set()
        self._nursery.start_soon(self._hold_the_clock, place)

    async def _hold_the_clock(self, place: Place) -> None:
        """A task that can always run, so that no time passes until the loop knows that the thread has ended."""
        while place.state is ADMITTED:
            await trio.lowlevel.checkpoint()
            time.sleep(_YIELD)  # noqa: ASYNC251  # the thread needs the GIL to end

    def end_threads(self) -> None:
        """Let all that still run end."""
        for job in self._jobs.values():
            job.set()


def _block(job: threading.Event) -> None:
    job.wait()


class RehearsedPool(VirtualPool):
    """Tells the lane who waits, and lets it decide how long jobs take."""

    lane: WorkerLane

    def __init__(self, options: PoolOptions, living: trio.Nursery) -> None:
        super().__init__(options, living)
        self._submit = self._telling(self._dispatcher.submit)

    def _telling(self, submit: Callable[P, Job]) -> Callable[P, Job]:
        def submit_and_tell(*args: P.args, **keywords: P.kwargs) -> Job:
            job = submit(*args, **keywords)
            if job.worker is None:
                self.lane.wait(REQUEST.get())
            return job

        return submit_and_tell

    def perform(self, job: VirtualJob) -> None:
        self._living.start_soon(self.lane.perform, job)


class WorkerLane(TruthLane):
    """Callers use a pool of workers. Each job is the number of a request."""

    def __init__(self, parts: LaneParts, pool: RehearsedPool) -> None:
        super().__init__(parts)
        self._pool = pool
        pool.lane = self
        self._requests: dict[int, Request] = {}

    async def _serve(self, request: Request) -> None:
        crowd, number = request.crowd, request.number
        self._requests[number] = request
        await self._pool.run(_echo, number, kind=crowd.kind, priority=crowd.priority)

    async def perform(self, job: VirtualJob) -> None:
        """A worker has begun with a job."""
        request = self._requests[job.args[0]]
        await self.start(request)
        if (slowness := self.service.slowness) != inf:
            self.events.at(self.events.now + request.work * slowness, self._end, job)

    def _end(self, job: VirtualJob) -> None:
        self.end(self._requests.pop(job.args[0]))
        job.end()


def _echo(number: int) -> int:
    return number
