"""Three times as many jobs as the pool can do, each with 200 ms of patience in the queue.

No job may be started past its deadline, because its caller has left; and none may expire while a worker is idle. Jobs say
themselves when they began and ended, and in which process. A start counts as late from 1 ms past the deadline, because
caller and job read the clock one after the other. Jobs wait instead of computing, so that workers begin when they are told
to, and their module is small: what a worker imports for a job, it imports after its last look at the deadline.

The pool is driven directly, in a process of its own: at this rate an HTTP stack would be a queue itself. 0.9 of what the
workers could do shows that the pool was kept busy. The control is `concurrent.futures.ProcessPoolExecutor` with callers
that cancel their future after the same time: it hands jobs to its processes early, and those can no longer be cancelled.
"""

from __future__ import annotations

import time
from collections import defaultdict
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from multiprocessing import get_context

import trio

from ...errors import QueueTimeout
from ...pools.workers import WorkerPool, open_worker_pool
from ...records.figures import check
from ...stage.alone import alone
from ..aftermath import watched_pool
from ..model import Drill
from ..poison import nap

_PATIENCE = 0.2
_JOB = 0.05
_WORKERS = 2
_RATE = 3 * _WORKERS / _JOB
_SLACK = 0.001  # seconds past the deadline that are the two clocks' readings, and the scheduler's
_IDLE = 0.02  # a gap between two jobs shorter than this is the handing over


@dataclass
class _Ends:
    """What became of the jobs. Times by the monotonic clock."""

    late: list[float] = field(default_factory=list)  # seconds past the deadline, of those that ran
    spans: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    expired: list[float] = field(default_factory=list)  # when
    beside_idle: int = 0  # of them, when the pool itself knew of an idle worker
    refused: int = 0

    def expire(self, *, idle: bool) -> None:
        self.expired.append(time.monotonic())
        self.beside_idle += idle

    def ran(self, arrived: float, told: tuple[int, float, float]) -> None:
        pid, begun, ended = told
        self.late.append(begun - arrived - _PATIENCE)
        self.spans[pid].append((begun, ended))

    def figures(self, seconds: float) -> dict[str, float | None]:
        return {
            "jobs": len(self.late) + len(self.expired) + self.refused,
            "run": len(self.late),
            "expired": len(self.expired),
            "refused": self.refused,
            "started_late": sum(late > _SLACK for late in self.late),
            "latest_ms": max(self.late, default=0.0) * 1e3,
            "expired_beside_idle": self.beside_idle,
            "expired_in_gaps": self._in_gaps(),
            "share_of_capacity": len(self.late) / (seconds * _WORKERS / _JOB),
        }

    def _in_gaps(self) -> int:
        """Jobs that expired when some worker was between two jobs for longer than the handing over takes. On a machine
        with others on it workers have such gaps whenever they are not let in, so this is told and not judged."""
        gaps = []
        for spans in self.spans.values():
            spans.sort()
            gaps += [(a, b) for (_, a), (b, _) in pairwise(spans) if b - a > _IDLE]
        return sum(any(a + _IDLE < at < b for a, b in gaps) for at in self.expired)


async def in_pool(jobs: int) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    ends = _Ends()
    async with watched_pool(open_worker_pool(size=_WORKERS, max_queue=None), figures) as pool:
        started = time.monotonic()
        async with trio.open_nursery() as nursery:
            begun = trio.current_time()
            for n in range(jobs):
                await trio.sleep_until(begun + n / _RATE)
                nursery.start_soon(_call, pool, ends)
        figures |= ends.figures(time.monotonic() - started)
    return figures


async def _call(pool: WorkerPool, ends: _Ends) -> None:
    arrived = time.monotonic()
    try:
        ends.ran(arrived, await pool.run(nap, _JOB, queue_timeout=_PATIENCE))
    except QueueTimeout:
        now = pool.statistics("nap")
        assert now.in_service is not None
        assert now.capacity is not None
        ends.expire(idle=now.in_service < now.capacity)
    except Exception:  # refused in any other way: counted
        ends.refused += 1


def in_executor(jobs: int) -> dict[str, float | None]:
    ends = _Ends()
    executor = ProcessPoolExecutor(_WORKERS, mp_context=get_context("spawn"))
    executor.submit(nap, _JOB).result()
    calls: list[tuple[float, Future[tuple[int, float, float]]]] = []
    begun = time.monotonic()
    patient = 0  # the first that has not been given up
    for n in range(jobs):
        time.sleep(max(0.0, begun + n / _RATE - time.monotonic()))
        calls.append((time.monotonic(), executor.submit(nap, _JOB)))
        while calls[patient][0] < time.monotonic() - _PATIENCE:
            if calls[patient][1].cancel():
                ends.expire(idle=False)
            patient += 1
    for arrived, future in calls:
        if not future.cancelled():
            ends.ran(arrived, future.result(timeout=30))
    return ends.figures(time.monotonic() - begun)


DRILL = Drill(
    name="queue-deadline",
    number=9,
    gate=False,
    question="Three times the capacity, 200 ms of patience: is work begun whose caller has left?",
    figures=tuple(_Ends().figures(1.0)),
    checks=(
        check("jobs started past their deadline", "started_late", "<=", 0),
        check("jobs that expired while a worker idled", "expired_beside_idle", "<=", 0),
        check("jobs that expired at all", "expired", ">=", 1),
        check("jobs run ÷ what the workers could", "share_of_capacity", ">=", 0.9, "×"),
    ),
    inject=lambda stage: alone(partial(in_pool, stage.count(10_000, quick=1_000))),
    control=lambda stage: alone(partial(in_executor, 400)),
    twin="ProcessPoolExecutor whose callers cancel",
)
