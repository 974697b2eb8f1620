"""The worker pool: jobs in processes of our own, behind a bulkhead.

One attendant task for each worker slot owns its child from spawn to reaping and starts the next one when it dies; it is
the only one that reads the child's replies. The bulkhead's capacity is the number of workers that are ready, so whoever
gets a place finds an idle worker, and the time a worker takes to start counts as waiting, never as service.

A job belongs to its worker, not to its caller: when the caller is cancelled it leaves at once, and the place stays taken
until the worker has really ended the job (or the job's run timeout has, by killing the worker). Anything else would let
a pool of two start a third job.
"""

from __future__ import annotations

import logging
import math
import pickle
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import outcome
import trio

from ..admission.bulkhead import Bulkhead, Place
from ..cores import default_workers
from ..errors import BrokenWorkerError, RunTimeout
from ..frames import Reply, dump
from ..measure.queues import QueueStatistics
from .job import Job, NeverRead, Slot, exit_text, unwrap
from .priority import NICER
from .worker import Worker

T = TypeVar("T")

_log = logging.getLogger(__name__)

_RESTART_DELAYS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)  # seconds, by the number of deaths since a job last ended well


class WorkerPool:
    """Runs functions in worker processes. Open it with `open_worker_pool`."""

    def __init__(self, *, size: int, bulkhead: Bulkhead, run_timeout: float | None) -> None:
        self._bulkhead = bulkhead
        self._run_timeout = run_timeout
        self._slots = [Slot() for _ in range(size)]
        self._idle: list[Slot] = []
        self._stranded: OrderedDict[trio.lowlevel.Task, None] = OrderedDict()
        """Callers with a place whose worker died before they could use it."""
        self._ready = 0
        self._restarts = 0
        self._jobs = 0
        self._closing = trio.Event()
        self._all_ready = trio.Event()
        self._spawn_limiter = trio.CapacityLimiter(size)

    def __repr__(self) -> str:
        b = self._bulkhead
        restarts = f"{self._restarts} restart" + ("" if self._restarts == 1 else "s")
        return f"<WorkerPool {b.in_service}/{self.size} busy, {b.waiting} queued, {restarts}>"

    @property
    def size(self) -> int:
        return len(self._slots)

    @property
    def restarts(self) -> int:
        """Workers started in the place of one that died."""
        return self._restarts

    def pids(self) -> list[int]:
        """The processes that live now."""
        return [slot.worker.pid for slot in self._slots if slot.worker is not None]

    def statistics(self) -> QueueStatistics:
        return self._bulkhead.statistics()

    async def wait_ready(self) -> None:
        """Returns when all workers have been ready at once. Nobody has to wait for it; jobs may come before."""
        await self._all_ready.wait()

    async def run(
        self,
        fn: Callable[..., T],
        *args: object,
        queue_timeout: float | None = None,
        run_timeout: float | None = None,
    ) -> T:
        """Run ``fn(*args)`` in a worker process and return what it returns.

        The function and its arguments must be picklable; they are pickled before the job may wait. The limits default
        to the pool's.

        Raises:
            QueueFull, QueueTimeout: see `Bulkhead.enter`; the job was not started.
            RunTimeout: the job ran too long; its worker was killed.
            BrokenWorkerError: the worker died while it ran the job.
            JobError: the job raised or returned something that cannot travel.
            and whatever the job raises, with the worker's traceback as a note.
        """
        result, _ = await self.run_timed(fn, *args, queue_timeout=queue_timeout, run_timeout=run_timeout)
        return result

    async def run_timed(
        self,
        fn: Callable[..., T],
        *args: object,
        queue_timeout: float | None = None,
        run_timeout: float | None = None,
    ) -> tuple[T, float]:
        """As `run`, and the seconds that the job waited for a worker."""
        call = dump((fn, args))
        place = await self._bulkhead.enter(queue_timeout=queue_timeout)
        limit = self._run_timeout if run_timeout is None else run_timeout
        while True:
            slot = self._idle.pop() if self._idle else await self._wait_for_worker(place)
            if slot.worker is None:
                continue  # it died between being offered and being taken
            try:
                reply = await self._run_on(slot, slot.worker, call, place, limit)
            except NeverRead:
                continue
            return unwrap(reply), place.waited

    async def _run_on(self, slot: Slot, worker: Worker, call: bytes, place: Place, limit: float | None) -> Reply:
        """Give an idle worker the job, and wait for its reply. The place is given back by whoever ends the job."""
        self._jobs += 1
        job = slot.job = Job(self._jobs, place, trio.lowlevel.current_task())
        slot.run_scope.deadline = math.inf if limit is None else trio.current_time() + limit
        worker.send(dump((job.number, call)))

        def leave(_: object) -> trio.lowlevel.Abort:
            job.caller = None
            return trio.lowlevel.Abort.SUCCEEDED

        reply: Reply = await trio.lowlevel.wait_task_rescheduled(leave)
        return reply

    async def _wait_for_worker(self, place: Place) -> Slot:
        """A worker died between giving the place and using it: keep the place, take the next worker that is idle."""
        task = trio.lowlevel.current_task()
        self._stranded[task] = None

        def leave(_: object) -> trio.lowlevel.Abort:
            del self._stranded[task]
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            slot: Slot = await trio.lowlevel.wait_task_rescheduled(leave)
        except BaseException:
            self._bulkhead.leave(place)
            raise
        return slot

    # The attendant: everything that happens to a worker happens in its task, or in `run` while the worker is idle.

    async def _attend(self, slot: Slot) -> None:
        while True:
            with trio.move_on_after(_RESTART_DELAYS[min(slot.deaths, len(_RESTART_DELAYS) - 1)]):
                await self._closing.wait()
            if self._closing.is_set():
                return
            try:
                worker = await Worker.spawn(self._spawn_limiter, NICER)
            except OSError as error:
                slot.deaths += 1
                _log.warning("%s cannot start a worker: %s", self._bulkhead.name, error)
                continue
            self._restarts += slot.deaths > 0
            slot.worker = worker
            try:
                await self._serve(slot, worker)
            finally:
                slot.deaths += 1
                for body in worker.leftovers():
                    self._end_job(slot, outcome.Value(Reply(*pickle.loads(body))))
                unread = worker.left_unread()
                code = await worker.reap()
                slot.worker = None
                if slot.job is not None:
                    if unread and slot.job.caller is not None and not self._closing.is_set():
                        self._hand_back(slot)
                    else:
                        self._end_job(slot, outcome.Error(self._loss(slot.job, worker, code)))

    async def _serve(self, slot: Slot, worker: Worker) -> None:
        """Returns when the worker has died, or has to."""

        async def until_dead() -> None:
            await worker.wait_dead()
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_dead)
            nursery.start_soon(worker.write_unsent)
            if await worker.wait_ready() and not self._closing.is_set():
                slot.run_scope = trio.CancelScope()
                self._become_idle(slot)
                self._change_ready(+1)
                try:
                    await self._read_replies(slot, worker)
                finally:
                    self._change_ready(-1)
                    if slot in self._idle:
                        self._idle.remove(slot)
            nursery.cancel_scope.cancel()

    async def _read_replies(self, slot: Slot, worker: Worker) -> None:
        with slot.run_scope:
            while bodies := await worker.read():
                for body in bodies:
                    slot.run_scope.deadline = math.inf
                    slot.deaths = 0
                    result = outcome.Value(Reply(*pickle.loads(body)))
                    job, slot.job = slot.job, None
                    self._become_idle(slot)  # before the place is given back: whoever gets it will look for a worker
                    self._settle(job, result)
            return
        if slot.job is not None:
            slot.job.timed_out = True

    def _change_ready(self, change: int) -> None:
        self._ready += change
        if self._ready == self.size:
            self._all_ready.set()
        self._bulkhead.resize(self._ready)

    def _become_idle(self, slot: Slot) -> None:
        if self._stranded:
            task, _ = self._stranded.popitem(last=False)
            trio.lowlevel.reschedule(task, outcome.Value(slot))
        else:
            self._idle.append(slot)

    def _end_job(self, slot: Slot, result: outcome.Outcome[Reply]) -> None:
        job, slot.job = slot.job, None
        self._settle(job, result)

    def _hand_back(self, slot: Slot) -> None:
        """The worker died before it had read its job: the caller keeps its place, and finds another worker."""
        job, slot.job = slot.job, None
        assert job is not None
        assert job.caller is not None
        trio.lowlevel.reschedule(job.caller, outcome.Error(NeverRead()))

    def _settle(self, job: Job | None, result: outcome.Outcome[Reply]) -> None:
        assert job is not None
        self._bulkhead.leave(job.place)
        if job.caller is not None:
            trio.lowlevel.reschedule(job.caller, result)

    def _loss(self, job: Job, worker: Worker, code: int) -> Exception:
        if job.timed_out:
            return RunTimeout(f"the job ran into its run timeout; worker {worker.pid} was killed")
        if self._closing.is_set():
            return trio.ClosedResourceError("the worker pool was closed while the job ran")
        return BrokenWorkerError(f"worker {worker.pid} died with {exit_text(code)}", exit_code=code)

    def _close(self) -> None:
        """Refuse who waits and who comes; idle workers end now, busy ones after their job."""
        self._closing.set()
        self._bulkhead.close()
        while self._stranded:
            task, _ = self._stranded.popitem(last=False)
            trio.lowlevel.reschedule(task, outcome.Error(trio.ClosedResourceError("the worker pool was closed")))
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.ask_to_end()


@asynccontextmanager
async def open_worker_pool(
    *,
    size: int | None = None,
    max_queue: int | None = 200,
    queue_timeout: float | None = None,
    run_timeout: float | None = None,
    grace: float = 1.0,
    name: str = "worker_pool",
) -> AsyncIterator[WorkerPool]:
    """A pool of ``size`` worker processes (default: one fewer than the cores, at most four) for the length of the block.

    Workers are being started when the block begins; jobs may come at once and wait for the first that is ready. At the
    end of the block waiting callers get `trio.ClosedResourceError`, running jobs have ``grace`` seconds to end, then no
    child is left. When the block is left by an exception or cancelled, nobody waits for running jobs.

    Args:
        max_queue: callers that may wait, None for no bound.
        queue_timeout: seconds a caller may wait for a worker, None for no bound.
        run_timeout: seconds a job may run; then its worker is killed and replaced. None for no bound.
    """
    size = default_workers() if size is None else size
    if size < 1:
        raise ValueError("size must be at least 1")
    bulkhead = Bulkhead(name, capacity=0, max_waiting=max_queue, queue_timeout=queue_timeout)
    pool = WorkerPool(size=size, bulkhead=bulkhead, run_timeout=run_timeout)
    async with trio.open_nursery() as nursery:
        for slot in pool._slots:
            nursery.start_soon(pool._attend, slot)
        try:
            yield pool
        finally:
            pool._close()
        nursery.cancel_scope.deadline = trio.current_time() + grace
