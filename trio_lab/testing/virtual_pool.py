"""A worker pool in virtual time: the real pool, whose workers are no processes.

Everything that decides is the real thing: the queue, timeouts, the restart policy, resizing. A worker takes the virtual time
that it is told to take for a job, and then calls the job's function here, in the event loop. Jobs and results are pickled as
they always are, and what a job raises arrives as it does from a process.

What is different: jobs are not sent ahead, workers have no bound on memory, and ``pids`` are numbers that no process has.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any

import trio

from ..pools.limits import PoolOptions
from ..pools.process import WorkerProcess
from ..pools.workers import WorkerPool, open_pool
from ..preconditions import require_seconds
from ..simulate.times import Times, times_of
from ..worker.failures import failure_of, unsendable
from ..worker.frames import CANCELLED, RAISED, RETURNED, Pieces, Reply, dump

_NO_PROCESS = 1 << 22  # Linux gives no process this number or a higher one
_KILLED, _CRASHED = -9, 1  # exit codes


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualOptions(PoolOptions):
    """The options of a pool, and how long its workers take: ``takes`` for a job, drawn with ``seed`` if it is `Times`, and
    ``start`` seconds to be ready."""

    takes: Times | float = 0.1
    start: float = 0.1
    seed: int = 1

    def __post_init__(self) -> None:
        PoolOptions.__post_init__(self)
        if self.start != 0:
            require_seconds("start", self.start, low=0.0, high=3600.0)


class VirtualJob:
    """A job that a worker has. Call `end` when its time is over; nothing happens if its worker has died or was told to stop."""

    __slots__ = ("_worker", "args", "began", "fn", "number")

    def __init__(self, worker: VirtualWorker, number: int, call: bytes | Pieces, split: int) -> None:
        data = b"".join(call.parts) if isinstance(call, Pieces) else call
        self._worker = worker
        self.number = number
        self.fn: Callable[..., Any]
        self.args: tuple[Any, ...] = ()
        if not split:
            self.fn, self.args = pickle.loads(data)
        else:
            self.fn = pickle.loads(data[:split])
            if split < len(data):
                self.args = pickle.loads(data[split:])
        self.began = trio.current_time()

    def end(self) -> None:
        self._worker.end(self)


class VirtualWorker(WorkerProcess):
    """A worker as the pool sees it. The event descriptor ``replies`` wakes the pool, as the pipe of a process does; it is
    written to in this process, so the clock cannot jump before it is seen."""

    def __init__(self, pool: VirtualPool, number: int) -> None:
        self._pool = pool
        self._number = number
        self.replies = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._ended: list[Reply] = []
        self._job: VirtualJob | None = None
        self._dead = trio.Event()
        self._code = 0

    def __repr__(self) -> str:
        return f"<VirtualWorker {self._number}>"

    @property
    def pid(self) -> int:
        return self._number

    async def wait_ready(self) -> bool:
        await trio.sleep(self._pool.starts_in)
        if self._pool.crashes:
            self.die(_CRASHED)
        return not self._dead.is_set()

    def send(self, number: int, deadline: float, call: bytes | Pieces, split: int) -> bool:
        try:
            self._job = VirtualJob(self, number, call, split)
        except Exception as error:  # it cannot be unpickled
            self._tell(number, RAISED, trio.current_time(), dump(tuple(failure_of(error))))
        else:
            self._pool.perform(self._job)
        return True

    def end(self, job: VirtualJob) -> None:
        if job is not self._job or self._dead.is_set():
            return
        try:
            result = job.fn(*job.args)
        except (Exception, SystemExit) as error:  # a worker outlives what its jobs raise
            self._reply(job, RAISED, dump(tuple(failure_of(error))))
            return
        try:
            self._reply(job, RETURNED, dump(result))
        except Exception as error:  # it cannot be pickled
            self._reply(job, RAISED, dump(tuple(unsendable(job.fn, result, error))))

    def _reply(self, job: VirtualJob, end: int, value: bytes = b"") -> None:
        self._job = None
        self._tell(job.number, end, job.began, value)

    def _tell(self, number: int, end: int, began: float, value: bytes) -> None:
        self._ended.append((number, end, began, trio.current_time() - began, value))
        os.eventfd_write(self.replies, 1)

    def interrupt(self, job: int) -> None:
        if self._job is not None and self._job.number == job:
            self._reply(self._job, CANCELLED)

    def take_back(self) -> int | None:
        return None  # it reads a job at once

    def read(self) -> list[Reply] | None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.replies)
        replies, self._ended = self._ended, []
        return replies or None

    def read_all(self) -> tuple[list[Reply], int]:
        return self.read() or [], 0

    async def write_unsent(self) -> None:
        await trio.sleep_forever()

    def take_output(self) -> dict[str, int]:
        return {}

    def die(self, code: int) -> None:
        self._code = code
        self._dead.set()

    def kill(self) -> None:
        self.die(_KILLED)

    def ask_to_end(self) -> None:
        self.die(0)  # it is asked when it has no job

    async def wait_dead(self) -> None:
        await self._dead.wait()

    async def reap(self) -> int | None:
        if not self._dead.is_set():
            self.kill()
        await trio.lowlevel.cancel_shielded_checkpoint()
        trio.lowlevel.notify_closing(self.replies)
        os.close(self.replies)
        return self._code


class VirtualPool(WorkerPool):
    """A `WorkerPool` whose workers are virtual. Open it with `open_virtual_pool`."""

    def __init__(self, options: PoolOptions, living: trio.Nursery) -> None:
        assert isinstance(options, VirtualOptions)
        self.starts_in = options.start
        self.crashes = False
        """While this is true workers die before they are ready."""
        self.started: list[float] = []
        """When workers were started, on Trio's clock."""
        self._draw = times_of(options.takes).draw(Random(options.seed))
        self._numbers = count(_NO_PROCESS)
        super().__init__(replace(options, ahead=1), living)

    async def _spawn(self) -> WorkerProcess:
        await trio.lowlevel.checkpoint()
        self.started.append(trio.current_time())
        return VirtualWorker(self, next(self._numbers))

    def perform(self, job: VirtualJob) -> None:
        """Let a job take its time."""
        self._living.start_soon(self._work, job)

    async def _work(self, job: VirtualJob) -> None:
        await trio.sleep(self._draw())
        job.end()

    def kill(self) -> None:
        """All workers die, as by SIGKILL. They are started again as the restart policy allows."""
        for slot in self._staff.slots:
            if slot.worker is not None:
                slot.worker.kill()


def open_virtual_pool(options: VirtualOptions) -> AbstractAsyncContextManager[VirtualPool]:
    """A pool of virtual workers for the length of the block, see `open_worker_pool`."""
    return open_pool(VirtualPool, options)
