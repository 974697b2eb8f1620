"""The worker pool on asyncio: one process for each place of a bulkhead, started with `create_subprocess_exec`.

`ProcessPoolExecutor` was tried first, and is a poor fit for a server. A worker that dies breaks the whole executor and
fails the jobs of its neighbours; a job that runs too long cannot be ended alone; and multiprocessing starts no children
in a daemonic process, in which hypercorn's own command runs the app. Processes of our own avoid all three, for a few
lines more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, TypeVarTuple, Unpack, cast

from ...admission.bulkhead import BehindBulkhead
from ...admission.choice import Chosen
from ...admission.deadline import within_deadline
from ...admission.gate import Place
from ...admission.on_asyncio import Bulkhead
from ...blocks import block
from ...errors import BrokenWorkerError, RunTimeout
from ...measure.ledger import LEDGER, RUN
from ...pools.calls import why_not_sent
from ...pools.outcome import raise_failure, result_in
from ...rarely import Rarely
from ...worker.frames import dump
from .process import Worker

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_log = logging.getLogger(__name__)

_PASSES = 3  # of the loop, until what is in a worker's pipe has reached whoever reads from it
_AGAIN = 0.1  # seconds until a job that goes on is interrupted once more
_REPLY_TIME = 5.0  # seconds that a reply may take which had begun to arrive when the job's time was over
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds before another attempt to start a worker; each doubles the last


def keep(tasks: set[asyncio.Task[Any]], task: asyncio.Task[Any]) -> None:
    """Hold a task among others until it has ended: the loop itself holds tasks weakly."""

    def forget(task: asyncio.Task[Any]) -> None:
        tasks.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio logs it when its caller has left

    tasks.add(task)
    task.add_done_callback(forget)


class WorkerPool(BehindBulkhead):
    """Runs functions in worker processes. Open it with `open_worker_pool`."""

    def __init__(self, bulkhead: Bulkhead, size: int, run_timeout: float | None) -> None:
        self.name, self.size = bulkhead.name, size
        self.restarts = 0
        """Workers started to replace one that died by itself."""
        self._bulkhead = bulkhead
        self._run_timeout = run_timeout
        self._living: set[Worker] = set()
        self._idle: list[Worker] = []
        self._jobs: set[asyncio.Task[Any]] = set()
        self._answers: set[asyncio.Task[Any]] = set()
        self._all_ready = asyncio.Event()
        self._failures = Rarely()

    def states(self) -> dict[int, str]:
        """The processes that live now, and the state of each."""
        return {worker.pid: "idle" if worker in self._idle else "busy" for worker in self._living}

    async def wait_ready(self) -> None:
        """Returns when all workers have been ready at the same time. Jobs may be given to the pool before."""
        await self._all_ready.wait()

    async def run(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, kind: str) -> tuple[T, float]:
        """Run ``fn(*args)`` in a worker process: what it returned, and the seconds that it waited for a worker.

        A caller that is cancelled leaves at once, and its job is ended if it runs Python code.

        Raises:
            QueueFull, QueueTimeout, Closed: see `Bulkhead.enter`; the job was not started.
            RunTimeout: the job ran too long; its worker was killed and is being replaced.
            BrokenWorkerError: the worker died while it ran the job.
            JobError: the job raised or returned something that cannot travel.
            TypeError: the function or an argument cannot be pickled.
            and whatever the job raises, with the worker's traceback as a note.
        """
        try:
            call = dump((fn, args))
        except BaseException as error:  # an argument's own methods may raise anything
            raise TypeError(why_not_sent(fn, args, error)) from error
        place = await self._bulkhead.enter(kind=kind)
        if not self._idle:  # there is one for each place, but this one died in the pass in which the place was given
            self._bulkhead.leave(place)
            raise BrokenWorkerError("the worker died before it was given the job")
        worker = self._idle.pop()
        job = asyncio.create_task(self._serve(worker, place, call))
        keep(self._jobs, job)
        try:
            await asyncio.wait((job,))  # cancelling this does not cancel the job
        except asyncio.CancelledError:
            if not job.done():
                self._bulkhead.caller_left(place)
                worker.interrupt()
                _urge_until_done(worker, job)
                _book_lost(place)
            raise
        return cast(T, job.result()), place.waited

    async def _serve(self, worker: Worker, place: Place, call: bytes) -> Any:
        """One job on one worker. Its place is given back when the job ends, even if the caller has left before."""
        worker.call(call)
        answer = asyncio.create_task(worker.outcome())
        keep(self._answers, answer)
        try:
            # Not `asyncio.timeout`: where the loop was blocked while the time passed, it would end a job whose reply is there.
            limit = within_deadline(self._run_timeout, asyncio.get_running_loop().time())
            await asyncio.wait((answer,), timeout=limit)
            for _ in range(0 if answer.done() else _PASSES):
                await asyncio.sleep(0)
            if worker.replying:
                await asyncio.wait((answer,), timeout=_REPLY_TIME)
            if not answer.done():
                raise RunTimeout("the job ran too long")
        finally:
            ended = answer.done() and not answer.cancelled() and answer.exception() is None
            if ended and worker in self._living:
                self._idle.append(worker)
            else:
                answer.cancel()
                self._give_up(worker)
                _book_lost(place)
            self._bulkhead.leave(place)
        outcome = answer.result()
        if (ledger := LEDGER.get()) is not None:
            ledger.add_job(place.entered, outcome.called, outcome.ended)
        return result_in(outcome.pickled) if outcome.returned else raise_failure(outcome.pickled)

    def _give_up(self, worker: Worker) -> None:
        """Take a worker out of the pool and kill it. A second call changes nothing."""
        worker.kill()
        self._living.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        self._bulkhead.resize(len(self._living))

    async def attend(self) -> None:
        """Keep one worker alive: start it, wait for its end, start another."""
        pause = _FIRST_PAUSE
        while True:
            worker = await self._start_one()
            if worker is not None:
                try:
                    await worker.wait()
                finally:
                    self._give_up(worker)
                    await worker.end()
                self.restarts += 1
                if worker.proven:
                    pause = _FIRST_PAUSE
                    continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _start_one(self) -> Worker | None:
        try:
            worker = await Worker.start()
        except (BrokenWorkerError, OSError) as error:
            if self._failures.due(asyncio.get_running_loop().time()):
                _log.warning("a worker did not start: %s; trying again", error)
            return None
        self._living.add(worker)
        self._idle.append(worker)
        self._bulkhead.resize(len(self._living))
        if len(self._living) == self.size:
            self._all_ready.set()
        return worker

    async def close(self) -> None:
        """Refuse callers that wait, and cancel running jobs."""
        self._bulkhead.close()
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, *self._answers, return_exceptions=True)


def _urge_until_done(worker: Worker, job: asyncio.Task[Any]) -> None:
    def again() -> None:
        if not job.done():
            worker.urge()
            _urge_until_done(worker, job)

    asyncio.get_running_loop().call_later(_AGAIN, again)


def _book_lost(place: Place) -> None:
    """Book a job that has no end for its caller: its worker died, it ran too long, or its caller leaves."""
    if (ledger := LEDGER.get()) is not None:
        ledger.add(RUN, place.entered, ledger.now())


@block
async def open_worker_pool(
    *,
    size: int,
    max_queue: int | None,
    queue_timeout: float | None,
    run_timeout: float | None,
    discipline: Chosen[Place] = None,
) -> AsyncIterator[WorkerPool]:
    """A pool of ``size`` processes for the length of the block; None is no bound. No process is left after it."""
    bulkhead = Bulkhead(
        "worker_pool", capacity=0, max_waiting=max_queue, queue_timeout=queue_timeout, discipline=discipline
    )
    pool = WorkerPool(bulkhead, size, run_timeout)
    async with asyncio.TaskGroup() as group:
        attendants = [group.create_task(pool.attend()) for _ in range(size)]
        try:
            yield pool
        finally:
            for attendant in attendants:
                attendant.cancel()
            await pool.close()
