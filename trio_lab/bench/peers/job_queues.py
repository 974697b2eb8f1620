"""Background jobs that do nothing, through the SQLite engine and through huey's, each in a file on the disk.

A cycle is a job from its submission over its claim to its end. Both wait for the disk at each of their commits (``FULL``). Ours
ends a job and claims the next one in one step, as its worker does.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from threading import Thread

import trio

from ...jobs.contract import Claimed, NewJob
from ...jobs.functions import JobFunctions
from ...jobs.schema import prepare
from ...jobs.sqlite import SqliteJobs, open_sqlite_jobs
from ...jobs.table import Table, key, new_row
from ...jobs.work import open_job_worker
from .python_pools import Meter

JOB = NewJob(name="nothing", args={})
_BATCH = 64
_LEASE = 30.0


@contextmanager
def on_disk() -> Iterator[Path]:
    """A file of its own. Where ``/tmp`` is memory there is no disk to wait for, so it is not there."""
    where = "/var/tmp" if os.path.isdir("/var/tmp") else None
    with tempfile.TemporaryDirectory(prefix="trio-lab-bench-", dir=where) as folder:
        yield Path(folder, "jobs.sqlite")


@dataclass(slots=True, kw_only=True)
class Turn:
    """What a task does again and again: it submits a job, and ends the one it has with the claim of the next."""

    jobs: SqliteJobs
    job: Claimed

    async def cycle(self) -> None:
        await self.jobs.submit(JOB)
        await self.end()

    async def end(self) -> None:
        counted, following = await self.jobs.finish_and_claim(self.job, None, lease=_LEASE)
        if not counted or following is None:
            raise RuntimeError("a job was lost")
        self.job = following


async def claimed(jobs: SqliteJobs, worker: str) -> Turn:
    """Of a task that has its first job."""
    await jobs.submit(JOB)
    (job,) = await jobs.claim(1, worker=worker, lease=_LEASE)
    return Turn(jobs=jobs, job=job)


async def cycles_per_s(tasks: int, seconds: float) -> float:
    """Of so many tasks of one process, each with one job at a time."""
    with on_disk() as path:
        async with open_sqlite_jobs(path, max_waiting=None) as jobs, trio.open_nursery() as nursery:
            meter = Meter()
            for _ in range(tasks):
                nursery.start_soon(meter.call_on, (await claimed(jobs, "bench")).cycle)
            return await meter.rate(trio.sleep, seconds)


def huey_cycles_per_s(threads: int, seconds: float) -> float:
    """Of huey's own SQLite storage, which deletes a job when it is taken, so at most once."""
    from huey import SqliteHuey

    with on_disk() as path:
        huey = SqliteHuey(filename=str(path), fsync=True)
        nothing = huey.task()(_nothing)
        counts = [0] * threads
        until = time.perf_counter() + seconds

        def run(number: int) -> None:
            while time.perf_counter() < until:
                nothing()
                task = huey.dequeue()
                if task is not None:
                    huey.execute(task)
                    counts[number] += 1

        began = time.perf_counter()
        running = [Thread(target=run, args=(number,)) for number in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return sum(counts) / (time.perf_counter() - began)


def _nothing() -> int:
    return 1


class Waiting:
    """A file with so many jobs that wait, and what a claim and its end cost there. The commit is not counted."""

    def __init__(self, path: Path, waiting: int) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        prepare(self._connection, synchronous="NORMAL")
        self._table = Table(self._connection, bound=None)
        self._in_transaction(lambda: self._table.submit([new_row(JOB, "{}", time.time())] * waiting))

    def _in_transaction(self, work: Callable[[], object]) -> float:
        """Seconds that the work took."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._table.begun()
        began = time.perf_counter()
        work()
        took = time.perf_counter() - began
        self._table.ending()
        self._connection.execute("COMMIT")
        return took

    def turn_us(self) -> float:
        """Microseconds of a job from its submission to its end, behind all the others."""
        return self._in_transaction(self._turn) / _BATCH * 1e6

    def _turn(self) -> None:
        for _ in range(_BATCH):
            self._table.submit([new_row(JOB, "{}", time.time())])
            (claimed,) = self._table.claim([(1, "bench", _LEASE)], time.time())
            assert not isinstance(claimed, Exception)
            self._table.finish([("null", *key(job)) for job in claimed])


def costs_us(depths: list[int], rounds: int) -> dict[str, list[float]]:
    """Of each number of waiting jobs, in turn: what a cycle costs."""
    with on_disk() as path:
        files = {depth: Waiting(path.with_name(f"{depth}.sqlite"), depth) for depth in depths}
        for file in files.values():
            file.turn_us()  # the first is not like the later ones
        found: dict[str, list[float]] = {str(depth): [] for depth in depths}
        for _ in range(rounds):
            for depth, file in files.items():
                found[str(depth)].append(file.turn_us())
        return found


async def pick_up(times: int) -> dict[str, float]:
    """How long an idle worker of another task takes to begin with a job, from when its submission was acknowledged, and the
    share of a core that it uses while none comes."""
    began: list[float] = []
    ended = trio.Event()
    functions = JobFunctions()

    @functions.register()
    async def note() -> None:
        nonlocal ended
        began.append(time.perf_counter())
        ended.set()

    delays = []
    with on_disk() as path:
        async with open_sqlite_jobs(path) as jobs, open_job_worker(jobs, functions):
            idle = await _idle_share()
            for _ in range(times):
                ended = trio.Event()
                await jobs.submit(NewJob(name="note", args={}))
                submitted = time.perf_counter()
                await ended.wait()
                delays.append(max(0.0, began[-1] - submitted))
                await trio.sleep(0.02)  # the worker is idle again
    cuts = quantiles(delays, n=100)
    return {"p50_ms": cuts[49] * 1e3, "p99_ms": cuts[98] * 1e3, "idle_share": idle}


async def _idle_share() -> float:
    await trio.sleep(1.0)
    cpu, began = time.process_time(), time.perf_counter()
    await trio.sleep(5.0)
    return (time.process_time() - cpu) / (time.perf_counter() - began)
