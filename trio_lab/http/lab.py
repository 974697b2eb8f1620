"""What the HTTP face needs of a running lab, whatever event loop it runs on.

Each Python server has a subclass of `Lab`, which says where its loop runs blocking calls and jobs; handlers and
`/health` know no more than this. A lab is opened by its server's `open_lab`, and owns what it holds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import ClassVar, Protocol, TypeVar, TypeVarTuple, Unpack

from ..admission.bulkhead import BehindBulkhead
from ..admission.reserved import Reserved
from ..config import Config, DisciplineName
from ..errors import Overloaded
from ..loop.loop_time import Intervals, PassWindow
from ..loop.totals import totals_of
from ..loop.watch import Watch
from ..measure.latest import Latest
from ..measure.ledger import Ledger
from ..measure.own_process import OwnProcess
from ..measure.queues import Queues
from ..records.health import Health, ScalingDecision, ThreadCounts, Usage, WorkerCounts
from ..records.live import WorkerState
from ..records.totals import Totals
from .pool_job import Done, PoolJob
from .requests import Requests

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# A server says that it is ready when its workers are; on a machine that is too busy it serves without them.
READY_TIME = 10.0  # seconds


class Pool(Protocol):
    """What `/health` reads of a pool."""

    @property
    def size(self) -> int: ...
    @property
    def busy(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def has_room(self) -> bool: ...
    def turn_away(self, kind: str, /) -> Overloaded: ...


def _is_full(pool: Pool) -> bool:
    return pool.busy >= pool.size or pool.waiting > 0


Told = Callable[[Exception | None], object]


class Asked(Protocol):
    """What a request that has no task waits for: a place in its pool, or the end of its job. See `asking`."""

    @property
    def waits(self) -> bool: ...
    @property
    def refusal(self) -> Exception | None: ...
    @property
    def due(self) -> float:
        """When `Lab.expire` is to be called, by the clock of the loop; infinite if its pool needs no call."""

    def give_up(self, ledger: Ledger, /) -> None: ...
    def reserve(self) -> Reserved: ...


class Threads(Pool, Protocol):
    @property
    def abandoned(self) -> int: ...


class Workers(Pool, Protocol):
    name: str

    @property
    def restarts(self) -> int: ...
    def states(self) -> dict[int, str]: ...


REPORTS = "reports"
"""The kind of the long jobs, which may have a pool of their own: the last one."""

USAGE_PERIOD = 0.05  # seconds: a reading takes a good hundred microseconds, and `/health` is asked for often


def bounds(config: Config) -> tuple[int | None, float | None, float | None, DisciplineName]:
    """``max_queue``, ``queue_timeout``, ``run_timeout`` and ``discipline`` of a lab's pools. Under the naive profile there
    are no bounds, and the order is first come, first served."""
    if config.guarded:
        return config.max_queue, config.longest_wait, config.run_timeout, config.discipline
    return None, None, None, "fifo"


@dataclass(frozen=True, kw_only=True)
class Lab(ABC):
    """A running lab. ``queues`` has every queue that a request can wait in."""

    runtime: ClassVar[str]

    config: Config
    window: PassWindow
    watch: Watch
    timer: Intervals
    native_pool: Threads
    worker_pools: tuple[Workers, ...]
    queues: Queues
    usage: Latest[Usage]
    process: OwnProcess = field(default_factory=OwnProcess)

    @abstractmethod
    async def in_thread(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, kind: str) -> T:
        """What ``fn(*args)`` returns in a thread of the native pool.

        A client that leaves cancels it; under the naive profile it is done all the same, and its result is dropped.

        Raises:
            Overloaded: it was refused.
            and whatever it raises.
        """

    @abstractmethod
    async def in_worker(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts, kind: str) -> tuple[T, float]:
        """What ``fn(*args)`` returns in a worker process, and the seconds that it waited for one. As `in_thread`.

        Raises:
            Overloaded: it was refused.
            RunTimeout, BrokenWorkerError: it ran too long, or its worker died.
            and whatever it raises.
        """

    async def do(self, job: PoolJob, *, since: float | None = None) -> Done:
        """Give a job to its pool, or go on with what it was asked for at ``since`` (by `time.perf_counter`). Raises what
        `in_thread` and `in_worker` raise."""
        begun, queued = perf_counter() if since is None else since, 0.0
        if job.in_process:
            value, queued = await self.in_worker(job.fn, *job.args, kind=job.kind)
        else:
            value = await self.in_thread(job.fn, *job.args, kind=job.kind)
        return Done(value=value, took=perf_counter() - begun, queued=queued)

    def would_wait(self, job: PoolJob) -> bool:
        """Whether the job could not begin now."""
        return _is_full(self._pool_of(job))

    def _pool_of(self, job: PoolJob) -> Pool:
        return self.worker_pools[-1 if job.kind == REPORTS else 0] if job.in_process else self.native_pool

    def has_room(self, job: PoolJob) -> bool:
        """Whether the job may wait if it cannot begin."""
        return self._pool_of(job).has_room

    def ask(self, job: PoolJob, told: Told) -> Asked:
        """Ask the pool for a place, or give it the job, without a task that waits. If it `waits` then, ``told`` is called once:
        with None when a task may go on with what is reserved, or with the error that refuses it. Raises `Overloaded`."""
        pool = self._pool_of(job)
        assert isinstance(pool, BehindBulkhead)
        return pool.ask(told, kind=job.kind)

    def expire(self) -> None:
        """Refuse those that have asked for a place without a task, and whose wait is over."""
        for pool in (self.native_pool, *self.worker_pools):
            if isinstance(pool, BehindBulkhead):
                pool.expire()

    def refuse(self, job: PoolJob) -> Overloaded:
        """Refuse a job for which there is no room; what `do` would raise."""
        return self._pool_of(job).turn_away(job.kind)

    def is_full(self) -> bool:
        """Whether there is a pool in which a job could not begin now."""
        return _is_full(self.native_pool) or any(map(_is_full, self.worker_pools))

    def most_waiting(self) -> int:
        """How many jobs wait for the pool for which most of them wait."""
        return max(self.native_pool.waiting, *(pool.waiting for pool in self.worker_pools))

    @abstractmethod
    async def in_default_thread(self, fn: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """The same in the loop's default threads, which calls that name no pool share with file I/O and name look-ups."""

    @abstractmethod
    async def storm(self, mode: str, count: int) -> float:
        """Offer the loop ``count`` ticks; the longest uninterrupted step in seconds. Modes: see `contract.STORMS`."""

    @abstractmethod
    async def look_up(self, host: str) -> list[str]:
        """The addresses of a host, by the loop's own name look-up."""

    @abstractmethod
    async def read(self, path: Path) -> bytes:
        """The content of a file, by the loop's own file I/O."""

    @abstractmethod
    def tasks(self) -> int:
        """How many tasks live on the loop."""

    def totals(self, health: Health, requests: Requests) -> Totals:
        """What it has counted since it was opened. ``health`` was read just now, ``requests`` are its server's."""
        return totals_of(
            self.watch,
            health.queues,
            timer=self.timer,
            routes=requests.totals(),
            active=requests.active,
            tasks=self.tasks(),
        )

    def scaling(self) -> tuple[ScalingDecision, ...]:
        """The last decisions of autoscalers, oldest first; none when nothing scales."""
        return ()

    def worker_counts(self) -> WorkerCounts:
        """All worker pools together."""
        pools = self.worker_pools
        return WorkerCounts(
            workers=sum(pool.size for pool in pools),
            busy=sum(pool.busy for pool in pools),
            queued=sum(pool.waiting for pool in pools),
            restarts=sum(pool.restarts for pool in pools),
        )

    def worker_states(self) -> tuple[WorkerState, ...]:
        """Each worker process that lives now."""
        pools = self.worker_pools
        states = [(pool.name, pid, state) for pool in pools for pid, state in pool.states().items()]
        return tuple(WorkerState(pool=name, pid=pid, state=state) for name, pid, state in states)

    def health(self, *, reset: bool) -> Health:
        """What the lab measures, now. With ``reset`` a new window begins here."""
        timer = self.timer.read(reset=reset)
        threads = self.native_pool
        return Health(
            runtime=self.runtime,
            event_loop_mean_ms=round(timer.mean * 1e3),
            event_loop_max_ms=round(timer.max * 1e3),
            threads=threads.size,
            pool=self.worker_counts(),
            native_pool=ThreadCounts(
                threads=threads.size, busy=threads.busy, abandoned=threads.abandoned, queued=threads.waiting
            ),
            loop=self.window.read(reset=reset).record(),
            profile=self.config.profile,
            process=self.process.read(),
            queues=self.queues.statistics(),
            scaling=self.scaling(),
            usage=self.usage.read(),
        )
